#include "tensor/ops/batch_norm.h"

#include "autograd/ops.h"

namespace autograd {

namespace ops = tensor::ops;

namespace {
Tensor value_or_none(const Variable& x) { return x.defined() ? x.value() : Tensor(); }

/// Without ReLU the gradient does not look at y: x, which is kept anyway, stands in for it, so that y need not stay in memory.
Tensor only_for_relu(const Tensor& y, const Variable& x, ops::BatchNormParams params) { return params.relu ? y : x.value(); }
}  // namespace

// derivation of batch_norm
//   y[r,c] = gamma[c] xhat[r,c] + beta[c] (+ residual[r,c]), and max(., 0) of it with relu
//   xhat[r,c] = (x[r,c] - mean[c]) rstd[c], rstd[c] = 1 / sqrt(var[c] + eps), eps = 1e-05
//   mean[c] = sum_r x[r,c] / R, var[c] = sum_r (x[r,c] - mean[c])^2 / R over the R rows
//   g = dy [y > 0] with relu, else dy
//   dx[r,c] = gamma[c] rstd[c] (g[r,c] - dbeta[c] / R - xhat[r,c] dgamma[c] / R): mean and var move with x
//   dgamma[c] = sum_r g[r,c] xhat[r,c]
//   dbeta[c] = sum_r g[r,c]
//   dresidual[r,c] = g[r,c]
Variable batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, const Variable& residual, ops::BatchNormParams params,
                    ops::BatchNormResult* statistics) {
  ops::BatchNormResult forward = ops::batch_norm(x.value(), gamma.value(), beta.value(), value_or_none(residual), params);
  if (statistics != nullptr) *statistics = forward;
  return record(params.relu ? "batch_norm+relu" : "batch_norm", forward.y, {x, gamma, beta, residual},
                [x = x.value(), y = only_for_relu(forward.y, x, params), gamma = gamma.value(), mean = forward.mean, rstd = forward.rstd,
                 params](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                  auto d = ops::batch_norm_grad(x, gamma, mean, rstd, y, dy, params, needs_input_grad[3]);
                  return {d.dx, d.dgamma, d.dbeta, d.dresidual};
                });
}

// derivation of batch_norm_inference
//   y[r,c] = gamma[c] xhat[r,c] + beta[c] (+ residual[r,c]), and max(., 0) of it with relu
//   xhat[r,c] = (x[r,c] - mean[c]) rstd[c], rstd[c] = 1 / sqrt(var[c] + eps), eps = 1e-05
//   mean and var are constants
//   g = dy [y > 0] with relu, else dy
//   dx[r,c] = gamma[c] rstd[c] g[r,c]
//   dgamma[c] = sum_r g[r,c] xhat[r,c]
//   dbeta[c] = sum_r g[r,c]
//   dresidual[r,c] = g[r,c]
Variable batch_norm_inference(const Variable& x, const Variable& gamma, const Variable& beta, const Tensor& running_mean,
                              const Tensor& running_var, const Variable& residual, ops::BatchNormParams params) {
  Tensor y = ops::batch_norm_inference(x.value(), gamma.value(), beta.value(), running_mean, running_var, value_or_none(residual), params);
  return record(params.relu ? "batch_norm_inference+relu" : "batch_norm_inference", y, {x, gamma, beta, residual},
                [x = x.value(), y = only_for_relu(y, x, params), gamma = gamma.value(), running_mean, running_var, params](
                    const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                  auto d = ops::batch_norm_inference_grad(x, gamma, running_mean, running_var, y, dy, params, needs_input_grad[3]);
                  return {d.dx, d.dgamma, d.dbeta, d.dresidual};
                });
}

}  // namespace autograd
