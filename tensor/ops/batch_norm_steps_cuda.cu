// maths    batch_norm.h, one channel per thread: the first step of batch_norm's staircase (staircase.h); and the step in two stages
// cost     the first step reads x three times forward and x, y, dy twice backward, with C threads; the second writes y three times
// parallel a thread owns a channel: all of its rows and sums
// numerics sums in double, the variance from centered values; y and dx rounded once

#include "tensor/cuda/runtime.h"

#include <cmath>

#include "tensor/math.h"
#include "tensor/ops/batch_norm_functors.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/elementwise_functors.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/ops/staircase.h"

namespace tensor::ops::cuda::steps {
namespace {

using tensor::cuda::launch;
using tensor::cuda::stream_of;

constexpr int threads = 128;

template <class T>
const T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}

template <class T>
__global__ void __launch_bounds__(threads) channel_forward(const T* x, const T* residual, const T* gamma, const T* beta, int64_t rows,
                                                           int64_t columns, double eps, bool relu, T* y, T* mean, T* var, T* rstd) {
  const int64_t c = int64_t{blockIdx.x} * threads + threadIdx.x, n = rows * columns;
  if (c >= columns) return;
  const double count = static_cast<double>(rows);
  double mu = 0, variance = 0;
  for (int64_t at = c; at < n; at += columns) mu += static_cast<double>(x[at]);
  mu /= count;
  for (int64_t at = c; at < n; at += columns) {
    const double centered = static_cast<double>(x[at]) - mu;
    variance += centered * centered;
  }
  variance /= count;
  const double inverse = 1 / std::sqrt(variance + eps);
  for (int64_t at = c; at < n; at += columns) {
    double z = Normalize{}(static_cast<double>(x[at]), mu, static_cast<double>(gamma[c]) * inverse, static_cast<double>(beta[c]));
    if (residual != nullptr) z += static_cast<double>(residual[at]);
    y[at] = static_cast<T>(relu ? Relu{}(z) : z);
  }
  mean[c] = static_cast<T>(mu);
  var[c] = static_cast<T>(variance);
  rstd[c] = static_cast<T>(inverse);
}

template <class T>
__global__ void __launch_bounds__(threads)
    channel_backward(const T* x, const T* y, const T* dy, const T* gamma, const T* mean, const T* rstd, int64_t rows, int64_t columns,
                     bool relu, T* dx, T* dgamma, T* dbeta, T* dresidual) {
  const int64_t c = int64_t{blockIdx.x} * threads + threadIdx.x, n = rows * columns;
  if (c >= columns) return;
  const double mu = static_cast<double>(mean[c]), inverse = static_cast<double>(rstd[c]);
  const auto g = [&](int64_t at) { return static_cast<double>(relu ? ReluGrad{}(y[at], dy[at]) : dy[at]); };
  const auto xhat = [&](int64_t at) { return (static_cast<double>(x[at]) - mu) * inverse; };
  double sum_g = 0, sum_g_xhat = 0;
  for (int64_t at = c; at < n; at += columns) {
    sum_g += g(at);
    sum_g_xhat += g(at) * xhat(at);
  }
  const BatchNormDx of(static_cast<double>(gamma[c]), inverse, sum_g_xhat, sum_g, rows, false);
  for (int64_t at = c; at < n; at += columns) {
    dx[at] = static_cast<T>(BatchNormDx::apply(static_cast<double>(x[at]), g(at), mu, of.scale, of.slope, of.offset));
    if (dresidual != nullptr) dresidual[at] = static_cast<T>(g(at));
  }
  dbeta[c] = static_cast<T>(sum_g);
  dgamma[c] = static_cast<T>(sum_g_xhat);
}

}  // namespace

BatchNormResult batch_norm_thread_per_channel(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual,
                                              BatchNormParams params) {
  const auto [rows, columns] = as_matrix(x);
  const auto channels = [&] { return Tensor(gamma.shape(), x.dtype(), x.device()); };
  BatchNormResult result = {Tensor(x.shape(), x.dtype(), x.device()), channels(), channels(), channels()};
  if (columns == 0) return result;
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    launch(channel_forward<T>, ceil_div(columns, threads), threads, 0, stream_of(x.device()), x.data<T>(), data_or_null<T>(residual),
           gamma.data<T>(), beta.data<T>(), rows, columns, params.eps, params.relu, result.y.data<T>(), result.mean.data<T>(),
           result.var.data<T>(), result.rstd.data<T>());
  });
  return result;
}

BatchNormGradients batch_norm_grad_thread_per_channel(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& rstd,
                                                      const Tensor& y, const Tensor& dy, BatchNormParams params, bool needs_dresidual) {
  const auto [rows, columns] = as_matrix(x);
  const auto channels = [&] { return Tensor(gamma.shape(), x.dtype(), x.device()); };
  BatchNormGradients result = {Tensor(x.shape(), x.dtype(), x.device()), channels(), channels(), {}};
  if (needs_dresidual) result.dresidual = params.relu ? Tensor(x.shape(), x.dtype(), x.device()) : dy;
  if (columns == 0) return result;
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    T* g = needs_dresidual && params.relu ? result.dresidual.data<T>() : nullptr;
    launch(channel_backward<T>, ceil_div(columns, threads), threads, 0, stream_of(x.device()), x.data<T>(), y.data<T>(), dy.data<T>(),
           gamma.data<T>(), mean.data<T>(), rstd.data<T>(), rows, columns, params.relu, result.dx.data<T>(), result.dgamma.data<T>(),
           result.dbeta.data<T>(), g);
  });
  return result;
}

BatchNormResult batch_norm_two_stages(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual,
                                      BatchNormParams params) {
  BatchNormResult result = cuda::batch_norm(x, gamma, beta, {}, {.eps = params.eps});
  if (residual.defined()) result.y = cuda::add(result.y, residual);
  if (params.relu) result.y = cuda::relu(result.y);
  return result;
}

}  // namespace tensor::ops::cuda::steps
