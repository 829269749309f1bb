// maths    sum, mean of all elements; sum_rows[c] = sum_r x[r,c]; sum_columns[r] = sum_c x[r,c]; max and argmax over c
// shapes   x (.., C); results (), (C) or (..); f32 and f64
// cost     one operation per element, memory-bound; scratch 8 bytes per block, for sum_rows per block and column
// parallel blocks of elements or rows, fixed by the shape; each leaves its own partial sum, added in order afterwards
// numerics sums in double (sum_rows: four rows in T, then double), one rounding to T; NaN reaches the result of each

#include "tensor/ops/reduce.h"

#include <cstring>

#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

#define KERNEL_FILE "tensor/ops/reduce_kernel.inl"
#include "tensor/for_each_isa.h"

double total(const Tensor& x) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    const auto kernel = SELECT_ISA(sum_of<T>);
    std::vector<double> partial(static_cast<size_t>(ceil_div(x.numel(), elementwise_grain)));
    parallel_for(x.numel(), elementwise_grain,
                 [&](int64_t begin, int64_t end) { partial[begin / elementwise_grain] = kernel(in + begin, end - begin); });
    double sum = 0;
    for (const double term : partial) sum += term;
    return sum;
  });
}

/// y[r] = function(row r), Result an element of y.
template <class Result, class T, class Function>
Tensor over_columns(const Tensor& x, const Function& function) {
  const auto [rows, columns] = as_matrix(x);
  Tensor y(without_last_axis(x.shape()), dtype_of<Result>(), x.device());
  const T* in = x.data<T>();
  Result* out = y.data<Result>();
  parallel_for(rows, rows_per_block(columns), [&, columns = columns](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) out[r] = function(in + r * columns, columns);
  });
  return y;
}

}  // namespace

namespace cpu {

Tensor sum(const Tensor& x) { return Tensor::full({}, total(x), x.dtype()); }
Tensor mean(const Tensor& x) { return Tensor::full({}, total(x) / static_cast<double>(x.numel()), x.dtype()); }

Tensor sum_rows(const Tensor& x) {
  const auto [rows, columns] = as_matrix(x);
  if (columns == 1) return sum(x).reshape(Shape{1});
  // Larger blocks than elsewhere: a block's partial sums should weigh little beside its elements.
  const int64_t grain = 4 * rows_per_block(columns);
  const int64_t blocks = ceil_div(rows, grain);
  Tensor y({columns}, x.dtype(), x.device());
  Tensor partial = Tensor::zeros({blocks, columns}, Dtype::f64);
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    double* sums = partial.data<double>();
    const auto kernel = SELECT_ISA(add_rows<T>);
    parallel_for(rows, grain,
                 [&](int64_t begin, int64_t end) { kernel(in + begin * columns, end - begin, columns, sums + begin / grain * columns); });
    T* out = y.data<T>();
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (int64_t block = 0; block < blocks; ++block) sum += sums[block * columns + c];
      out[c] = static_cast<T>(sum);
    }
  });
  return y;
}

Tensor sum_columns(const Tensor& x) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto kernel = SELECT_ISA(sum_of<T>);
    return over_columns<T, T>(x, [&](const T* row, int64_t columns) { return static_cast<T>(kernel(row, columns)); });
  });
}

Tensor max_columns(const Tensor& x) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return over_columns<T, T>(x, SELECT_ISA(max_of<T>));
  });
}

Tensor argmax_columns(const Tensor& x) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto kernel = SELECT_ISA(max_of<T>);
    return over_columns<int64_t, T>(x, [&](const T* row, int64_t columns) {
      const T best = kernel(row, columns);
      int64_t c = 0;
      while (!(row[c] == best || row[c] != row[c])) ++c;
      return c;
    });
  });
}

}  // namespace cpu

Tensor sum(const Tensor& x) { DISPATCH_DEVICE(x, sum, x); }
Tensor mean(const Tensor& x) {
  CHECK(x.numel() > 0, "mean of no elements, shape {}", x.shape().to_string());
  DISPATCH_DEVICE(x, mean, x);
}
Tensor sum_rows(const Tensor& x) {
  as_matrix(x);
  DISPATCH_DEVICE(x, sum_rows, x);
}
Tensor sum_columns(const Tensor& x) {
  as_matrix(x);
  DISPATCH_DEVICE(x, sum_columns, x);
}
Tensor max_columns(const Tensor& x) {
  CHECK(as_matrix(x).columns >= 1, "max_columns: no columns in shape {}", x.shape().to_string());
  DISPATCH_DEVICE(x, max_columns, x);
}
Tensor argmax_columns(const Tensor& x) {
  CHECK(as_matrix(x).columns >= 1, "argmax_columns: no columns in shape {}", x.shape().to_string());
  DISPATCH_DEVICE(x, argmax_columns, x);
}

}  // namespace tensor::ops
