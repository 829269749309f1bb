// cost     as in softmax.h
// parallel a block of rows is written by one thread
// numerics as in softmax.h

#include "tensor/ops/softmax.h"

#include <cmath>
#include <cstring>
#include <vector>

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

Tensor softmax(const Tensor& x) {
  const auto [rows, columns] = as_matrix(x);
  Tensor y(x.shape(), x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const auto kernel = SELECT_ISA(softmax_rows<T>);
    parallel_for(rows, rows_per_block(columns), [&, columns = columns](int64_t begin, int64_t end) {
      kernel(in + begin * columns, out + begin * columns, end - begin, columns);
    });
  });
  return y;
}

Tensor softmax_grad(const Tensor& y, const Tensor& dy) {
  const auto [rows, columns] = as_matrix(y);
  Tensor dx(y.shape(), y.dtype(), y.device());
  dispatch_floating(y.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const T *y_data = y.data<T>(), *dy_data = dy.data<T>();
    T* out = dx.data<T>();
    const auto product = SELECT_ISA(dot<T>);
    const auto combine = SELECT_ISA(with_row<T, SoftmaxGrad<T>>);
    parallel_rows(rows, columns, [=, columns = columns](int64_t r) {
      const T *y_row = y_data + r * columns, *dy_row = dy_data + r * columns;
      combine(y_row, dy_row, out + r * columns, 1, columns, {static_cast<T>(product(y_row, dy_row, columns))});
    });
  });
  return dx;
}

Tensor log_softmax(const Tensor& x) {
  const auto [rows, columns] = as_matrix(x);
  Tensor y(x.shape(), x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const auto maximum = SELECT_ISA(max_of<T>);
    const auto exponentials = SELECT_ISA(exp_row<T>);
    const auto shifted = SELECT_ISA(shift_and_scale<T>);
    parallel_rows(rows, columns, [=, columns = columns](int64_t r) {
      const T* row = in + r * columns;
      T* result = out + r * columns;
      const T largest = maximum(row, columns);
      const double log_sum = std::log(exponentials(row, largest, result, columns));
      shifted(row, -largest, T(1), result, columns);
      shifted(result, static_cast<T>(-log_sum), T(1), result, columns);
    });
  });
  return y;
}

Tensor log_softmax_grad(const Tensor& y, const Tensor& dy) {
  const auto [rows, columns] = as_matrix(y);
  Tensor dx(y.shape(), y.dtype(), y.device());
  dispatch_floating(y.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const T *y_data = y.data<T>(), *dy_data = dy.data<T>();
    T* out = dx.data<T>();
    const auto sum = SELECT_ISA(sum_of<T>);
    const auto combine = SELECT_ISA(with_row<T, LogSoftmaxGrad<T>>);
    parallel_rows(rows, columns, [=, columns = columns](int64_t r) {
      const T* dy_row = dy_data + r * columns;
      combine(y_data + r * columns, dy_row, out + r * columns, 1, columns, {static_cast<T>(sum(dy_row, columns))});
    });
  });
  return dx;
}

}  // namespace cpu

}  // namespace tensor::ops
