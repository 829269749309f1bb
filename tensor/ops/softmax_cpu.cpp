// maths    m = max_c x;  y[c] = exp(x[c] - m) / sum_c exp(x[c] - m);  log_softmax y[c] = x[c] - m - log sum_c exp(x[c] - m)
// shapes   x, y, dy, dx (.., C); logsumexp (..); f32 and f64
// cost     about 20 flop per element; a row is read up to three times, from cache
// parallel a block of rows is written by one thread
// numerics exp of numbers <= 0, their sum in double; NaN or inf in a row makes the row NaN; logsumexp of only -inf is -inf

#include "tensor/ops/softmax.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "tensor/isa.h"
#include "tensor/ops/exp.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

#define KERNEL_FILE "tensor/ops/softmax_kernel.inl"
#include "tensor/for_each_isa.h"

/// row_function(r, columns) for every row, rows in parallel.
template <class Function>
void for_each_row(const Tensor& x, const Function& row_function) {
  const auto [rows, columns] = as_matrix(x);
  parallel_for(rows, rows_per_block(columns), [&, columns = columns](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) row_function(r, columns);
  });
}

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
  Tensor dx(y.shape(), y.dtype(), y.device());
  dispatch_floating(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *y_data = y.data<T>(), *dy_data = dy.data<T>();
    T* out = dx.data<T>();
    const auto product = SELECT_ISA(dot<T>);
    const auto grad = SELECT_ISA(softmax_grad_row<T>);
    for_each_row(y, [&](int64_t r, int64_t columns) {
      const T *y_row = y_data + r * columns, *dy_row = dy_data + r * columns;
      grad(y_row, dy_row, static_cast<T>(product(y_row, dy_row, columns)), out + r * columns, columns);
    });
  });
  return dx;
}

Tensor log_softmax(const Tensor& x) {
  Tensor y(x.shape(), x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const auto maximum = SELECT_ISA(max_of<T>);
    const auto exponentials = SELECT_ISA(exp_row<T>);
    const auto shifted = SELECT_ISA(shift_and_scale<T>);
    for_each_row(x, [&](int64_t r, int64_t columns) {
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
  Tensor dx(y.shape(), y.dtype(), y.device());
  dispatch_floating(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *y_data = y.data<T>(), *dy_data = dy.data<T>();
    T* out = dx.data<T>();
    const auto sum = SELECT_ISA(sum_of<T>);
    const auto grad = SELECT_ISA(log_softmax_grad_row<T>);
    for_each_row(y, [&](int64_t r, int64_t columns) {
      const T* dy_row = dy_data + r * columns;
      grad(y_data + r * columns, dy_row, static_cast<T>(sum(dy_row, columns)), out + r * columns, columns);
    });
  });
  return dx;
}

Tensor logsumexp(const Tensor& x) {
  const auto [rows, columns] = as_matrix(x);
  Tensor y(without_last_axis(x.shape()), x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const auto maximum = SELECT_ISA(max_of<T>);
    const auto exponentials = SELECT_ISA(exp_row<T>);
    Tensor scratch({num_threads(), columns}, x.dtype());
    T* scratch_data = scratch.data<T>();
    parallel_for(rows, rows_per_block(columns), [&, columns = columns](int64_t begin, int64_t end) {
      T* line = scratch_data + thread_index() * columns;
      for (int64_t r = begin; r < end; ++r) {
        const T* row = in + r * columns;
        const T largest = maximum(row, columns);
        // An infinite maximum is the result, but inf - inf is not 0: such a row is not shifted.
        const T shift = std::isfinite(largest) ? largest : T(0);
        out[r] = static_cast<T>(static_cast<double>(shift) + std::log(exponentials(row, shift, line, columns)));
      }
    });
  });
  return y;
}

}  // namespace cpu

namespace {
void check(const Tensor& x) { CHECK(as_matrix(x).columns >= 1, "softmax: no columns in shape {}", x.shape().to_string()); }
}  // namespace

Tensor softmax(const Tensor& x) {
  check(x);
  DISPATCH_DEVICE(x, softmax, x);
}
Tensor softmax_grad(const Tensor& y, const Tensor& dy) {
  check(y);
  check_same("softmax_grad", {"y", y}, {"dy", dy});
  DISPATCH_DEVICE(y, softmax_grad, y, dy);
}
Tensor log_softmax(const Tensor& x) {
  check(x);
  DISPATCH_DEVICE(x, log_softmax, x);
}
Tensor log_softmax_grad(const Tensor& y, const Tensor& dy) {
  check(y);
  check_same("log_softmax_grad", {"y", y}, {"dy", dy});
  DISPATCH_DEVICE(y, log_softmax_grad, y, dy);
}
Tensor logsumexp(const Tensor& x) {
  check(x);
  DISPATCH_DEVICE(x, logsumexp, x);
}

}  // namespace tensor::ops
