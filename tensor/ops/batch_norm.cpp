// Argument checks, dispatch to the device, and the oracles of batch_norm.
#include "tensor/ops/batch_norm.h"

#include <cmath>

#include "tensor/ops/naive.h"

namespace tensor::ops {
namespace {

void check_channels(const char* op, const Tensor& x, const Argument& value) {
  check_shape(op, value, {x.dim(-1)});
  check_same_kind(op, {"x", x}, value);
}

void check_forward(const char* op, const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual) {
  as_matrix(x);
  check_floating(op, {"x", x});
  check_channels(op, x, {"gamma", gamma});
  check_channels(op, x, {"beta", beta});
  if (residual.defined()) check_same(op, {"x", x}, {"residual", residual});
}

void check_grad(const char* op, const Tensor& x, const Tensor& gamma, const Tensor& mean, const Argument& spread, const Tensor& y,
                const Tensor& dy) {
  as_matrix(x);
  check_floating(op, {"x", x});
  check_channels(op, x, {"gamma", gamma});
  check_channels(op, x, {"mean", mean});
  check_channels(op, x, spread);
  check_same(op, {"x", x}, {"y", y});
  check_same(op, {"x", x}, {"dy", dy});
}

}  // namespace

BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual, BatchNormParams params) {
  check_forward("batch_norm", x, gamma, beta, residual);
  CHECK(as_matrix(x).rows >= 2, "batch_norm: x {} has {} value per channel, training needs at least 2; use a larger batch",
        x.shape().to_string(), as_matrix(x).rows);
  DISPATCH_DEVICE(x, batch_norm, x, gamma, beta, residual, params);
}

void update_running_statistics(Tensor& running_mean, Tensor& running_var, const BatchNormResult& batch, int64_t rows, double momentum) {
  check_same("update_running_statistics", {"running_mean", running_mean}, {"batch.mean", batch.mean});
  check_same("update_running_statistics", {"running_var", running_var}, {"batch.var", batch.var});
  CHECK(rows >= 2, "update_running_statistics: {} row has no unbiased variance, expected at least 2; use a larger batch", rows);
  DISPATCH_DEVICE(running_mean, update_running_statistics, running_mean, running_var, batch, rows, momentum);
}

Tensor batch_norm_inference(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean, const Tensor& var,
                            const Tensor& residual, BatchNormParams params) {
  check_forward("batch_norm_inference", x, gamma, beta, residual);
  check_channels("batch_norm_inference", x, {"mean", mean});
  check_channels("batch_norm_inference", x, {"var", var});
  DISPATCH_DEVICE(x, batch_norm_inference, x, gamma, beta, mean, var, residual, params);
}

BatchNormGradients batch_norm_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& rstd, const Tensor& y,
                                   const Tensor& dy, BatchNormParams params, bool needs_dresidual) {
  check_grad("batch_norm_grad", x, gamma, mean, {"rstd", rstd}, y, dy);
  DISPATCH_DEVICE(x, batch_norm_grad, x, gamma, mean, rstd, y, dy, params, needs_dresidual);
}

BatchNormGradients batch_norm_inference_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& var, const Tensor& y,
                                             const Tensor& dy, BatchNormParams params, bool needs_dresidual) {
  check_grad("batch_norm_inference_grad", x, gamma, mean, {"var", var}, y, dy);
  DISPATCH_DEVICE(x, batch_norm_inference_grad, x, gamma, mean, var, y, dy, params, needs_dresidual);
}

namespace naive {

BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual, BatchNormParams params) {
  const auto [rows, columns] = as_matrix(x);
  const std::vector<double> in = x.to_vector(), scale = gamma.to_vector(), shift = beta.to_vector();
  const std::vector<double> shortcut = residual.defined() ? residual.to_vector() : std::vector<double>(in.size());
  std::vector<double> y(in.size()), mean(columns), var(columns), rstd(columns);
  for (int64_t c = 0; c < columns; ++c) {
    for (int64_t at = c; at < x.numel(); at += columns) mean[c] += in[at];
    mean[c] /= static_cast<double>(rows);
    for (int64_t at = c; at < x.numel(); at += columns) var[c] += (in[at] - mean[c]) * (in[at] - mean[c]);
    var[c] /= static_cast<double>(rows);
    rstd[c] = 1 / std::sqrt(var[c] + params.eps);
    for (int64_t at = c; at < x.numel(); at += columns) {
      const double z = scale[c] * (in[at] - mean[c]) * rstd[c] + shift[c] + shortcut[at];
      y[at] = params.relu && z < 0 ? 0 : z;
    }
  }
  const auto channels = [&](const std::vector<double>& values) { return rounded(values, gamma.shape(), x.dtype()); };
  return {rounded(y, x.shape(), x.dtype()), channels(mean), channels(rstd), channels(var)};
}

BatchNormGradients batch_norm_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& rstd, const Tensor& y,
                                   const Tensor& dy, BatchNormParams params, bool needs_dresidual) {
  const auto [rows, columns] = as_matrix(x);
  const double count = static_cast<double>(rows);
  const std::vector<double> in = x.to_vector(), scale = gamma.to_vector(), mu = mean.to_vector(), s = rstd.to_vector();
  const std::vector<double> out = y.to_vector();
  std::vector<double> g = dy.to_vector(), dx(in.size()), dgamma(columns), dbeta(columns);
  for (int64_t c = 0; c < columns; ++c) {
    const auto xhat = [&, c = c](int64_t at) { return (in[at] - mu[c]) * s[c]; };
    for (int64_t at = c; at < x.numel(); at += columns) {
      if (params.relu && !(out[at] > 0)) g[at] = 0;
      dbeta[c] += g[at];
      dgamma[c] += g[at] * xhat(at);
    }
    for (int64_t at = c; at < x.numel(); at += columns)
      dx[at] = scale[c] * s[c] * (g[at] - dbeta[c] / count - xhat(at) * dgamma[c] / count);
  }
  const auto channels = [&](const std::vector<double>& values) { return rounded(values, gamma.shape(), x.dtype()); };
  return {rounded(dx, x.shape(), x.dtype()), channels(dgamma), channels(dbeta),
          needs_dresidual ? rounded(g, x.shape(), x.dtype()) : Tensor()};
}

}  // namespace naive
}  // namespace tensor::ops
