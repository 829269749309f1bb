// maths    n = |x|;  y = x / (n + eps);  dx = dy / (n + eps) - x (x . dy) / (n (n + eps)^2)
// shapes   x, y, dy, dx (.., C)  norm (..); f32 and f64
// cost     4 flop per element, the second reading of a row comes from cache: memory-bound
// parallel a block of rows is written by one thread
// numerics sums of squares and products in double; factors in double, rounded once; a row of zeros gives zeros, and dy / eps

#include "tensor/ops/l2_normalize.h"

#include <cmath>
#include <cstring>

#include "tensor/isa.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

#define KERNEL_FILE "tensor/ops/l2_normalize_kernel.inl"
#include "tensor/for_each_isa.h"

void check_eps(double eps) { CHECK(eps > 0, "l2_normalize: eps {} must be above 0", eps); }

}  // namespace

namespace cpu {

L2NormalizeResult l2_normalize(const Tensor& x, double eps) {
  const auto [rows, columns] = as_matrix(x);
  L2NormalizeResult result = {Tensor(x.shape(), x.dtype(), x.device()), Tensor(without_last_axis(x.shape()), x.dtype(), x.device())};
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T *y = result.y.data<T>(), *norm = result.norm.data<T>();
    const auto product = SELECT_ISA(dot<T>);
    const auto scaled = SELECT_ISA(scaled_row<T>);
    parallel_for(rows, rows_per_block(columns), [&, columns = columns](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* row = in + r * columns;
        const double length = std::sqrt(product(row, row, columns));
        norm[r] = static_cast<T>(length);
        scaled(row, static_cast<T>(1 / (length + eps)), y + r * columns, columns);
      }
    });
  });
  return result;
}

Tensor l2_normalize_grad(const Tensor& x, const Tensor& norm, const Tensor& dy, double eps) {
  const auto [rows, columns] = as_matrix(x);
  Tensor dx(x.shape(), x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const T *x_data = x.data<T>(), *dy_data = dy.data<T>(), *norms = norm.data<T>();
    T* out = dx.data<T>();
    const auto product = SELECT_ISA(dot<T>);
    const auto combined = SELECT_ISA(combined_row<T>);
    parallel_for(rows, rows_per_block(columns), [&, columns = columns](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T *row = x_data + r * columns, *dy_row = dy_data + r * columns;
        const double length = static_cast<double>(norms[r]), inverse = 1 / (length + eps);
        const double along = length != 0 ? product(row, dy_row, columns) / length * inverse * inverse : 0;
        combined(dy_row, static_cast<T>(inverse), row, static_cast<T>(along), out + r * columns, columns);
      }
    });
  });
  return dx;
}

}  // namespace cpu

L2NormalizeResult l2_normalize(const Tensor& x, double eps) {
  check_eps(eps);
  as_matrix(x);
  DISPATCH_DEVICE(x, l2_normalize, x, eps);
}

Tensor l2_normalize_grad(const Tensor& x, const Tensor& norm, const Tensor& dy, double eps) {
  check_eps(eps);
  check_same("l2_normalize_grad", {"x", x}, {"dy", dy});
  check_shape("l2_normalize_grad", {"norm", norm}, without_last_axis(x.shape()));
  check_same_kind("l2_normalize_grad", {"x", x}, {"norm", norm});
  DISPATCH_DEVICE(x, l2_normalize_grad, x, norm, dy, eps);
}

}  // namespace tensor::ops
