// cost     reads x three times, residual once, writes y once | reads x, y, dy twice, writes dx. A block's second read of its slice of x, for
//          the squares, comes from the L2 cache while all slices fit there. Scratch 16 C bytes per slice
// parallel a block owns a tile of columns and a slice of the rows, cut by the shape alone; a second launch joins the slices' sums in a
//          fixed tree
// numerics sums in double. A slice's squares are centered on the slice's own mean m_b, then moved to the mean of all:
//          sum (x - mean)^2 = sum_b (sum (x - m_b)^2 + R_b (m_b - mean)^2), so nothing cancels

#include "tensor/cuda/runtime.h"

#include <cmath>

#include "tensor/math.h"
#include "tensor/ops/batch_norm.h"
#include "tensor/ops/batch_norm_functors.h"
#include "tensor/ops/column_tiles.h"
#include "tensor/ops/elementwise_functors.h"
#include "tensor/ops/matrix_view.h"

namespace tensor::ops::cuda {
namespace {

using tensor::cuda::launch;
using tensor::cuda::stream_of;

constexpr int threads = ColumnTiles::threads;

/// partial (slices, 2, C): a slice's sum of x; its sum of squares about its own mean.
template <class T>
__global__ void __launch_bounds__(threads) slice_moments(const T* x, ColumnTiles tiles, double* partial) {
  const int64_t columns = tiles.columns, column = tiles.column();
  double sum = 0, squares = 0;
  for (int64_t r = tiles.begin(); r < tiles.end(); r += tiles.step()) sum += static_cast<double>(x[r * columns + column]);
  sum = sum_of_column(sum, tiles.width);
  const double mean = sum / static_cast<double>(tiles.slice_end() - tiles.slice_begin());
  for (int64_t r = tiles.begin(); r < tiles.end(); r += tiles.step()) {
    const double centered = static_cast<double>(x[r * columns + column]) - mean;
    squares += centered * centered;
  }
  squares = sum_of_column(squares, tiles.width);
  if (!tiles.writes()) return;
  partial[int64_t{blockIdx.y} * 2 * columns + column] = sum;
  partial[(int64_t{blockIdx.y} * 2 + 1) * columns + column] = squares;
}

/// The channel's statistics, and scale = gamma * rstd, rounded once. `joined` has the slices of `tiles` as its rows.
template <class T>
__global__ void __launch_bounds__(threads) join_moments(const double* partial, ColumnTiles tiles, ColumnTiles joined, double eps,
                                                        const T* gamma, T* mean, T* var, T* rstd, T* scale) {
  const int64_t columns = tiles.columns, column = joined.column();
  const double rows = static_cast<double>(tiles.rows);
  double sum = 0, squares = 0;
  for (int64_t slice = joined.begin(); slice < joined.end(); slice += joined.step()) sum += partial[slice * 2 * columns + column];
  const double mu = sum_of_column(sum, joined.width) / rows;
  for (int64_t slice = joined.begin(); slice < joined.end(); slice += joined.step()) {
    const int64_t rest = tiles.rows - slice * tiles.slice_rows;
    const double count = static_cast<double>(rest < tiles.slice_rows ? rest : tiles.slice_rows);
    const double offset = partial[slice * 2 * columns + column] / count - mu;
    squares += partial[(slice * 2 + 1) * columns + column] + count * offset * offset;
  }
  const double variance = sum_of_column(squares, joined.width) / rows;
  if (!joined.writes()) return;
  const double inverse = 1 / std::sqrt(variance + eps);
  mean[column] = static_cast<T>(mu);
  var[column] = static_cast<T>(variance);
  rstd[column] = static_cast<T>(inverse);
  scale[column] = static_cast<T>(static_cast<double>(gamma[column]) * inverse);
}

template <class T>
__global__ void __launch_bounds__(threads) inference_scale(const T* gamma, const T* var, int64_t columns, double eps, T* scale) {
  const int64_t c = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (c < columns) scale[c] = static_cast<T>(static_cast<double>(gamma[c]) / std::sqrt(static_cast<double>(var[c]) + eps));
}

template <class T, bool relu, bool has_residual>
__global__ void __launch_bounds__(threads)
    normalize(const T* x, const T* residual, const T* mean, const T* scale, const T* beta, ColumnTiles tiles, T* y) {
  if (!tiles.has_column()) return;
  const int64_t column = tiles.column();
  const T mu = mean[column], factor = scale[column], shift = beta[column];
  for (int64_t r = tiles.begin(); r < tiles.end(); r += tiles.step()) {
    const int64_t at = r * tiles.columns + column;
    T z = Normalize{}(x[at], mu, factor, shift);
    if constexpr (has_residual) z += residual[at];
    y[at] = relu ? Relu{}(z) : z;
  }
}

/// partial (slices, 2, C): a slice's sums of g and of g * (x - mean), still without rstd. Keeps g if asked to.
template <class T, bool relu, bool keep_g>
__global__ void __launch_bounds__(threads)
    slice_grad_sums(const T* x, const T* y, const T* dy, const T* mean, ColumnTiles tiles, T* kept, double* partial) {
  const int64_t columns = tiles.columns, column = tiles.column();
  const double mu = tiles.has_column() ? static_cast<double>(mean[column]) : 0;
  double sum = 0, product = 0;
  for (int64_t r = tiles.begin(); r < tiles.end(); r += tiles.step()) {
    const int64_t at = r * columns + column;
    const T g = relu ? ReluGrad{}(y[at], dy[at]) : dy[at];
    if constexpr (keep_g) kept[at] = g;
    sum += static_cast<double>(g);
    product += static_cast<double>(g) * (static_cast<double>(x[at]) - mu);
  }
  sum = sum_of_column(sum, tiles.width);
  product = sum_of_column(product, tiles.width);
  if (!tiles.writes()) return;
  partial[int64_t{blockIdx.y} * 2 * columns + column] = sum;
  partial[(int64_t{blockIdx.y} * 2 + 1) * columns + column] = product;
}

/// The channel's dgamma and dbeta, and the coefficients of dx. `spread` is rstd, with constant statistics the variance.
template <class T, bool constant_statistics>
__global__ void __launch_bounds__(threads)
    join_grad_sums(const double* partial, ColumnTiles joined, int64_t rows, double eps, const T* gamma, const T* spread, T* dgamma,
                   T* dbeta, T* scale, T* slope, T* offset) {
  const int64_t columns = joined.columns, column = joined.column();
  double sum = 0, product = 0;
  for (int64_t slice = joined.begin(); slice < joined.end(); slice += joined.step()) {
    sum += partial[slice * 2 * columns + column];
    product += partial[(slice * 2 + 1) * columns + column];
  }
  sum = sum_of_column(sum, joined.width);
  product = sum_of_column(product, joined.width);
  if (!joined.writes()) return;
  const double given = static_cast<double>(spread[column]);
  const double inverse = constant_statistics ? 1 / std::sqrt(given + eps) : given;
  const BatchNormDx dx(static_cast<double>(gamma[column]), inverse, product * inverse, sum, rows, constant_statistics);
  dbeta[column] = static_cast<T>(sum);
  dgamma[column] = static_cast<T>(product * inverse);
  scale[column] = static_cast<T>(dx.scale);
  slope[column] = static_cast<T>(dx.slope);
  offset[column] = static_cast<T>(dx.offset);
}

template <class T, bool relu>
__global__ void __launch_bounds__(threads) grad_apply(const T* x, const T* y, const T* dy, const T* mean, const T* scale, const T* slope,
                                                      const T* offset, ColumnTiles tiles, T* dx) {
  if (!tiles.has_column()) return;
  const int64_t column = tiles.column();
  const T mu = mean[column], factor = scale[column], a = slope[column], b = offset[column];
  for (int64_t r = tiles.begin(); r < tiles.end(); r += tiles.step()) {
    const int64_t at = r * tiles.columns + column;
    const T g = relu ? ReluGrad{}(y[at], dy[at]) : dy[at];
    dx[at] = BatchNormDx::apply(x[at], g, mu, factor, a, b);
  }
}

template <class T>
__global__ void __launch_bounds__(threads) update_running(const T* batch_mean, const T* batch_var, int64_t columns,
                                                          UpdateRunning update_mean, UpdateRunning update_var, T* mean, T* var) {
  const int64_t c = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (c >= columns) return;
  mean[c] = static_cast<T>(update_mean(static_cast<double>(mean[c]), static_cast<double>(batch_mean[c])));
  var[c] = static_cast<T>(update_var(static_cast<double>(var[c]), static_cast<double>(batch_var[c])));
}

Tensor like(const Tensor& x) { return Tensor(x.shape(), x.dtype(), x.device()); }

template <class T>
Tensor apply(const Tensor& x, const Tensor& mean, const Tensor& scale, const Tensor& beta, const Tensor& residual, bool relu) {
  const auto [rows, columns] = as_matrix(x);
  const ColumnTiles tiles(rows, columns);
  Tensor y = like(x);
  if (y.numel() == 0) return y;
  const T* shortcut = residual.defined() ? residual.data<T>() : nullptr;
  const auto kernel = shortcut ? (relu ? normalize<T, true, true> : normalize<T, false, true>)
                               : (relu ? normalize<T, true, false> : normalize<T, false, false>);
  launch(kernel, tiles.grid(), threads, 0, stream_of(x.device()), x.data<T>(), shortcut, mean.data<T>(), scale.data<T>(), beta.data<T>(),
         tiles, y.data<T>());
  return y;
}

template <class T>
BatchNormGradients gradients(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& spread, const Tensor& y,
                             const Tensor& dy, BatchNormParams params, bool needs_dresidual, bool constant_statistics) {
  const auto [rows, columns] = as_matrix(x);
  const ColumnTiles tiles(rows, columns), joined(tiles.slices, columns, true);
  BatchNormGradients result = {like(x), like(gamma), like(gamma), {}};
  const bool keep_g = needs_dresidual && params.relu;
  if (needs_dresidual) result.dresidual = keep_g ? like(x) : dy;
  if (columns == 0) return result;
  const auto stream = stream_of(x.device());
  Tensor partial({tiles.slices, 2, columns}, Dtype::f64, x.device()), scale = like(gamma), slope = like(gamma), offset = like(gamma);

  const auto sums = !params.relu ? slice_grad_sums<T, false, false>
                    : keep_g     ? slice_grad_sums<T, true, true>
                                 : slice_grad_sums<T, true, false>;
  launch(sums, tiles.grid(), threads, 0, stream, x.data<T>(), y.data<T>(), dy.data<T>(), mean.data<T>(), tiles,
         keep_g ? result.dresidual.data<T>() : nullptr, partial.data<double>());
  launch(constant_statistics ? join_grad_sums<T, true> : join_grad_sums<T, false>, joined.grid(), threads, 0, stream,
         partial.data<double>(), joined, rows, params.eps, gamma.data<T>(), spread.data<T>(), result.dgamma.data<T>(),
         result.dbeta.data<T>(), scale.data<T>(), slope.data<T>(), offset.data<T>());
  // Where g was kept it is read instead of y and dy.
  const T* g = keep_g ? result.dresidual.data<T>() : dy.data<T>();
  launch(params.relu && !keep_g ? grad_apply<T, true> : grad_apply<T, false>, tiles.grid(), threads, 0, stream, x.data<T>(), y.data<T>(), g,
         mean.data<T>(), scale.data<T>(), slope.data<T>(), offset.data<T>(), tiles, result.dx.data<T>());
  return result;
}

}  // namespace

BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual, BatchNormParams params) {
  const auto [rows, columns] = as_matrix(x);
  const ColumnTiles tiles(rows, columns), joined(tiles.slices, columns, true);
  if (columns == 0) return {like(x), like(gamma), like(gamma), like(gamma)};
  BatchNormResult result = {{}, like(gamma), like(gamma), like(gamma)};
  const auto stream = stream_of(x.device());
  Tensor partial({tiles.slices, 2, columns}, Dtype::f64, x.device()), scale = like(gamma);
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(slice_moments<T>, tiles.grid(), threads, 0, stream, x.data<T>(), tiles, partial.data<double>());
    launch(join_moments<T>, joined.grid(), threads, 0, stream, partial.data<double>(), tiles, joined, params.eps, gamma.data<T>(),
           result.mean.data<T>(), result.var.data<T>(), result.rstd.data<T>(), scale.data<T>());
    result.y = apply<T>(x, result.mean, scale, beta, residual, params.relu);
  });
  return result;
}

void update_running_statistics(Tensor& running_mean, Tensor& running_var, const BatchNormResult& batch, int64_t rows, double momentum) {
  const int64_t columns = running_mean.numel();
  if (columns == 0) return;
  const UpdateRunning update_mean{momentum, momentum};
  const UpdateRunning update_var{momentum, momentum * (static_cast<double>(rows) / static_cast<double>(rows - 1))};
  dispatch_floating(running_mean.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(update_running<T>, ceil_div(columns, threads), threads, 0, stream_of(running_mean.device()), batch.mean.data<T>(),
           batch.var.data<T>(), columns, update_mean, update_var, running_mean.data<T>(), running_var.data<T>());
  });
}

Tensor batch_norm_inference(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean, const Tensor& var,
                            const Tensor& residual, BatchNormParams params) {
  if (x.numel() == 0) return like(x);
  Tensor scale = like(gamma);
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(inference_scale<T>, ceil_div(scale.numel(), threads), threads, 0, stream_of(x.device()), gamma.data<T>(), var.data<T>(),
           scale.numel(), params.eps, scale.data<T>());
    return apply<T>(x, mean, scale, beta, residual, params.relu);
  });
}

BatchNormGradients batch_norm_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& rstd, const Tensor& y,
                                   const Tensor& dy, BatchNormParams params, bool needs_dresidual) {
  return dispatch_floating(
      x.dtype(), [&](auto zero) { return gradients<decltype(zero)>(x, gamma, mean, rstd, y, dy, params, needs_dresidual, false); });
}

BatchNormGradients batch_norm_inference_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& var, const Tensor& y,
                                             const Tensor& dy, BatchNormParams params, bool needs_dresidual) {
  return dispatch_floating(x.dtype(),
                           [&](auto zero) { return gradients<decltype(zero)>(x, gamma, mean, var, y, dy, params, needs_dresidual, true); });
}

}  // namespace tensor::ops::cuda
