// cost     reads x twice, residual once, writes y once | reads x, y, dy twice, writes dx. A block's second read of x, for its variance,
//          comes from cache. Scratch 16 C bytes per block
// parallel blocks of rows cut by the shape, about 128 KiB each; each leaves partial sums, which are added in order of the blocks
// numerics four rows are added in T, everything else in double. A block's squares are centered on the block's own mean m_b, then moved to
//          the mean of all:  sum (x - mean)^2 = sum_b (sum (x - m_b)^2 + R_b (m_b - mean)^2), so nothing cancels
#include "tensor/ops/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/ops/batch_norm_functors.h"
#include "tensor/ops/elementwise_functors.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/parallel.h"

namespace tensor::ops::cpu {
namespace {

#define KERNEL_FILE "tensor/ops/batch_norm_kernel.inl"
#include "tensor/for_each_isa.h"

/// Rows of a block: it fits the second-level cache, and is long enough that its partial sums weigh little.
int64_t block_rows(int64_t columns, Dtype dtype) {
  return std::max<int64_t>(32, (int64_t{128} << 10) / std::max<int64_t>(1, columns * size_of(dtype)));
}

template <class T>
std::vector<T> rounded(const std::vector<double>& values) {
  return std::vector<T>(values.begin(), values.end());
}

struct Moments {
  std::vector<double> mean, var;
};

template <class T>
Moments moments(const T* x, int64_t rows, int64_t columns) {
  const int64_t grain = block_rows(columns, dtype_of<T>()), blocks = ceil_div(rows, grain);
  Tensor partial = Tensor::zeros({blocks, 2, columns}, Dtype::f64);  // a block's sum, later its mean; its centered squares
  Tensor centers({blocks, columns}, dtype_of<T>());
  double* partials = partial.data<double>();
  T* all_centers = centers.data<T>();
  const auto add = SELECT_ISA(accumulate_rows<T>);
  const auto squares = SELECT_ISA(add_squares<T>);
  parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    const int64_t block = begin / grain;
    double *sum = partials + block * 2 * columns, *square = sum + columns;
    T* center = all_centers + block * columns;
    add(x + begin * columns, end - begin, columns, sum);
    for (int64_t c = 0; c < columns; ++c) center[c] = static_cast<T>(sum[c] / static_cast<double>(end - begin));
    squares(x + begin * columns, center, end - begin, columns, square);
  });

  Moments result = {std::vector<double>(columns), std::vector<double>(columns)};
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t c = 0; c < columns; ++c) result.mean[c] += partials[block * 2 * columns + c];
  for (double& mean : result.mean) mean /= static_cast<double>(rows);
  for (int64_t block = 0; block < blocks; ++block) {
    const double count = static_cast<double>(std::min(rows, (block + 1) * grain) - block * grain);
    for (int64_t c = 0; c < columns; ++c) {
      // The squares are about the rounded block mean; sum (x - a)^2 = sum (x - m_b)^2 + count (m_b - a)^2 takes the rounding out again.
      const double block_mean = partials[block * 2 * columns + c] / count;
      const double rounding = block_mean - static_cast<double>(all_centers[block * columns + c]);
      const double offset = block_mean - result.mean[c];
      result.var[c] += partials[(block * 2 + 1) * columns + c] + count * (offset * offset - rounding * rounding);
    }
  }
  for (double& var : result.var) {
    var /= static_cast<double>(rows);
    if (var < 0) var = 0;  // a constant channel, by a rounding; NaN stays
  }
  return result;
}

/// y from statistics; the factor gamma * rstd is rounded once.
template <class T>
Tensor apply(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual, const std::vector<double>& mean,
             const std::vector<double>& rstd, bool relu) {
  const auto [rows, columns] = as_matrix(x);
  Tensor y(x.shape(), x.dtype(), x.device());
  std::vector<double> scale = rstd;
  for (int64_t c = 0; c < columns; ++c) scale[c] *= static_cast<double>(gamma.data<T>()[c]);
  const std::vector<T> mean_typed = rounded<T>(mean), scale_typed = rounded<T>(scale);
  const T *in = x.data<T>(), *shortcut = residual.defined() ? residual.data<T>() : nullptr, *shift = beta.data<T>();
  T* out = y.data<T>();
  const auto kernel = shortcut ? (relu ? SELECT_ISA(normalize<T, true, true>) : SELECT_ISA(normalize<T, false, true>))
                               : (relu ? SELECT_ISA(normalize<T, true, false>) : SELECT_ISA(normalize<T, false, false>));
  parallel_for(rows, block_rows(columns, x.dtype()), [&, columns = columns](int64_t begin, int64_t end) {
    kernel(in + begin * columns, shortcut ? shortcut + begin * columns : nullptr, mean_typed.data(), scale_typed.data(), shift,
           out + begin * columns, end - begin, columns);
  });
  return y;
}

/// The two sums of the backward pass, and g itself where it differs from dy and is wanted.
struct GradSums {
  std::vector<double> dbeta, dgamma;
  Tensor g;  ///< undefined: not kept
};

template <class T>
GradSums sum_gradients(const Tensor& x, const std::vector<T>& mean, const std::vector<double>& rstd, const Tensor& y, const Tensor& dy,
                       bool relu, bool keep_g) {
  const auto [rows, columns] = as_matrix(x);
  const int64_t grain = block_rows(columns, x.dtype());
  GradSums result;
  if (keep_g) result.g = Tensor(x.shape(), x.dtype(), x.device());
  Tensor partial = Tensor::zeros({ceil_div(rows, grain), 2, columns}, Dtype::f64);
  double* partials = partial.data<double>();
  const T *x_data = x.data<T>(), *y_data = y.data<T>(), *dy_data = dy.data<T>();
  T* g_data = keep_g ? result.g.data<T>() : nullptr;
  const auto kernel = !relu    ? SELECT_ISA(grad_sums<T, false, false>)
                      : keep_g ? SELECT_ISA(grad_sums<T, true, true>)
                               : SELECT_ISA(grad_sums<T, true, false>);
  parallel_for(rows, grain, [&, columns = columns](int64_t begin, int64_t end) {
    const int64_t at = begin * columns;
    double* sums = partials + begin / grain * 2 * columns;
    kernel(x_data + at, y_data + at, dy_data + at, mean.data(), g_data ? g_data + at : nullptr, end - begin, columns, sums, sums + columns);
  });
  const std::vector<double> sums = sum_blocks(partials, partial.dim(0), 2 * columns);
  result.dbeta.assign(sums.begin(), sums.begin() + columns);
  result.dgamma.assign(sums.begin() + columns, sums.end());
  for (int64_t c = 0; c < columns; ++c) result.dgamma[c] *= rstd[c];
  return result;
}

/// With constant statistics the corrections of dx are 0.
template <class T>
BatchNormGradients gradients(const Tensor& x, const Tensor& gamma, const std::vector<T>& mean, const std::vector<double>& rstd,
                             const Tensor& y, const Tensor& dy, bool relu, bool needs_dresidual, bool constant_statistics) {
  const auto [rows, columns] = as_matrix(x);
  const GradSums sums = sum_gradients<T>(x, mean, rstd, y, dy, relu, needs_dresidual && relu);
  BatchNormGradients result = {Tensor(x.shape(), x.dtype(), x.device()),
                               Tensor::from(rounded<T>(sums.dgamma), gamma.shape()),
                               Tensor::from(rounded<T>(sums.dbeta), gamma.shape()),
                               {}};
  if (needs_dresidual) result.dresidual = relu ? sums.g : dy;
  std::vector<T> scale(columns), slope(scale), offset(scale);
  for (size_t c = 0; c < scale.size(); ++c) {
    const BatchNormDx dx(static_cast<double>(gamma.data<T>()[c]), rstd[c], sums.dgamma[c], sums.dbeta[c], rows, constant_statistics);
    scale[c] = static_cast<T>(dx.scale);
    slope[c] = static_cast<T>(dx.slope);
    offset[c] = static_cast<T>(dx.offset);
  }
  // Where g was kept it is read instead of y and dy.
  const bool masked = relu && !sums.g.defined();
  const T *x_data = x.data<T>(), *y_data = y.data<T>(), *g_data = sums.g.defined() ? sums.g.template data<T>() : dy.data<T>();
  T* out = result.dx.data<T>();
  const auto kernel = masked ? SELECT_ISA(grad_apply<T, true>) : SELECT_ISA(grad_apply<T, false>);
  parallel_for(rows, block_rows(columns, x.dtype()), [&, columns = columns](int64_t begin, int64_t end) {
    const int64_t at = begin * columns;
    kernel(x_data + at, y_data + at, g_data + at, mean.data(), scale.data(), slope.data(), offset.data(), out + at, end - begin, columns);
  });
  return result;
}

template <class T>
std::vector<double> widened(const Tensor& values) {
  return std::vector<double>(values.data<T>(), values.data<T>() + values.numel());
}

std::vector<double> rstd_of(const std::vector<double>& var, double eps) {
  std::vector<double> rstd(var.size());
  for (size_t c = 0; c < var.size(); ++c) rstd[c] = 1 / std::sqrt(var[c] + eps);
  return rstd;
}

}  // namespace

BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual, BatchNormParams params) {
  const auto [rows, columns] = as_matrix(x);
  return dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const Moments statistics = moments(x.data<T>(), rows, columns);
    const std::vector<double> rstd = rstd_of(statistics.var, params.eps);
    return BatchNormResult{apply<T>(x, gamma, beta, residual, statistics.mean, rstd, params.relu),
                           Tensor::from(rounded<T>(statistics.mean), gamma.shape()), Tensor::from(rounded<T>(rstd), gamma.shape()),
                           Tensor::from(rounded<T>(statistics.var), gamma.shape())};
  });
}

void update_running_statistics(Tensor& running_mean, Tensor& running_var, const BatchNormResult& batch, int64_t rows, double momentum) {
  const UpdateRunning update_mean{momentum, momentum};
  const UpdateRunning update_var{momentum, momentum * (static_cast<double>(rows) / static_cast<double>(rows - 1))};
  dispatch_floating(running_mean.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T *mean = running_mean.data<T>(), *var = running_var.data<T>();
    const T *batch_mean = batch.mean.data<T>(), *batch_var = batch.var.data<T>();
    for (int64_t c = 0; c < running_mean.numel(); ++c) {
      mean[c] = static_cast<T>(update_mean(static_cast<double>(mean[c]), static_cast<double>(batch_mean[c])));
      var[c] = static_cast<T>(update_var(static_cast<double>(var[c]), static_cast<double>(batch_var[c])));
    }
  });
}

Tensor batch_norm_inference(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean, const Tensor& var,
                            const Tensor& residual, BatchNormParams params) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return apply<T>(x, gamma, beta, residual, widened<T>(mean), rstd_of(widened<T>(var), params.eps), params.relu);
  });
}

BatchNormGradients batch_norm_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& rstd, const Tensor& y,
                                   const Tensor& dy, BatchNormParams params, bool needs_dresidual) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return gradients<T>(x, gamma, rounded<T>(widened<T>(mean)), widened<T>(rstd), y, dy, params.relu, needs_dresidual, false);
  });
}

BatchNormGradients batch_norm_inference_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& var, const Tensor& y,
                                             const Tensor& dy, BatchNormParams params, bool needs_dresidual) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return gradients<T>(x, gamma, rounded<T>(widened<T>(mean)), rstd_of(widened<T>(var), params.eps), y, dy, params.relu, needs_dresidual,
                        true);
  });
}

}  // namespace tensor::ops::cpu
