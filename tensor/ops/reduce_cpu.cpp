// cost     as in reduce.h; scratch 8 bytes per block, for sum(x, 0) per block and column
// parallel blocks of elements or rows, fixed by the shape; each leaves its own partial sum, added in order afterwards
// numerics sums in double (sum(x, 0): four rows in T, then double), one rounding to T

#include "tensor/ops/reduce.h"

#include <algorithm>
#include <cstring>

#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

#define KERNEL_FILE "tensor/ops/lanes.inl"
#include "tensor/for_each_isa.h"

double total(const Tensor& x) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    const auto kernel = SELECT_ISA(sum_of<T>);
    return parallel_sum(x.numel(), elementwise_grain, [&](int64_t begin, int64_t end) { return kernel(in + begin, end - begin); });
  });
}

/// y[r] = function(row r), Result an element of y.
template <class Result, class T, class Function>
Tensor by_row(const Tensor& x, const Function& function) {
  const auto [rows, columns] = as_matrix(x);
  Tensor y(without_last_axis(x.shape()), dtype_of<Result>(), x.device());
  const T* in = x.data<T>();
  Result* out = y.data<Result>();
  parallel_rows(rows, columns, [=, columns = columns](int64_t r) { out[r] = function(in + r * columns, columns); });
  return y;
}

Tensor sum_last(const Tensor& x) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto kernel = SELECT_ISA(sum_of<T>);
    return by_row<T, T>(x, [&](const T* row, int64_t columns) { return static_cast<T>(kernel(row, columns)); });
  });
}

Tensor sum_first(const Tensor& x) {
  const auto [rows, columns] = first_axis_as_rows(x);
  Tensor y(without_first_axis(x.shape()), x.dtype(), x.device());
  if (columns == 1) return cpu::sum(x).reshape(y.shape());
  // Larger blocks than elsewhere, so that a block's partial sums cost little compared with its elements.
  const int64_t grain = 4 * rows_per_block(columns), blocks = ceil_div(rows, grain);
  Tensor partial = Tensor::zeros({blocks, columns}, Dtype::f64);
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    double* sums = partial.data<double>();
    const auto kernel = SELECT_ISA(accumulate_rows<T>);
    parallel_for(rows, grain,
                 [&](int64_t begin, int64_t end) { kernel(in + begin * columns, end - begin, columns, sums + begin / grain * columns); });
    const std::vector<double> totals = sum_blocks(sums, blocks, columns);
    std::copy(totals.begin(), totals.end(), y.data<T>());
  });
  return y;
}

}  // namespace

namespace cpu {

Tensor sum(const Tensor& x) { return Tensor::full({}, total(x), x.dtype()); }
Tensor mean(const Tensor& x) { return Tensor::full({}, total(x) / static_cast<double>(x.numel()), x.dtype()); }
Tensor sum(const Tensor& x, int axis) { return axis == 0 ? sum_first(x) : sum_last(x); }

Tensor argmax(const Tensor& x) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto kernel = SELECT_ISA(max_of<T>);
    return by_row<int64_t, T>(x, [&](const T* row, int64_t columns) {
      const T best = kernel(row, columns);
      int64_t c = 0;
      while (!(row[c] == best || row[c] != row[c])) ++c;
      return c;
    });
  });
}

}  // namespace cpu

}  // namespace tensor::ops
