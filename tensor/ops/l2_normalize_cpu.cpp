// cost     as in l2_normalize.h
// parallel a block of rows is written by one thread
// numerics as in l2_normalize.h

#include "tensor/ops/l2_normalize.h"

#include <cmath>
#include <cstring>

#include "tensor/isa.h"
#include "tensor/ops/elementwise_functors.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

#define KERNEL_FILE "tensor/ops/row_kernel.inl"
#include "tensor/for_each_isa.h"

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
    const auto scaled = SELECT_ISA(with_column<T, Multiply>);
    parallel_rows(rows, columns, [=, columns = columns](int64_t r) {
      const T* row = in + r * columns;
      const double length = std::sqrt(product(row, row, columns));
      const T factor = static_cast<T>(1 / (length + eps));
      norm[r] = static_cast<T>(length);
      scaled(row, &factor, y + r * columns, 1, columns, Multiply{});
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
    const auto combine = SELECT_ISA(with_row<T, L2NormalizeGrad<T>>);
    parallel_rows(rows, columns, [=, columns = columns](int64_t r) {
      const T *row = x_data + r * columns, *dy_row = dy_data + r * columns;
      const double length = static_cast<double>(norms[r]), inverse = 1 / (length + eps);
      const double along = length != 0 ? product(row, dy_row, columns) / length * inverse * inverse : 0;
      combine(dy_row, row, out + r * columns, 1, columns, {static_cast<T>(inverse), static_cast<T>(along)});
    });
  });
  return dx;
}

}  // namespace cpu

}  // namespace tensor::ops
