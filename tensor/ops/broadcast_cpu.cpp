// cost     as in broadcast.h
// parallel a block of rows is written by one thread
// numerics one operation per element

#include "tensor/ops/broadcast.h"

#include "tensor/isa.h"
#include "tensor/ops/elementwise_functors.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

#define KERNEL_FILE "tensor/ops/row_kernel.inl"
#include "tensor/for_each_isa.h"

enum class Side { row, column };

template <Side side, class Function>
Tensor broadcast(const Tensor& x, const Tensor& vector, Function function) {
  const auto [rows, columns] = as_matrix(x);
  Tensor y(x.shape(), x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&, columns = columns, rows = rows](auto zero) {
    using T = decltype(zero);
    const T *in = x.data<T>(), *values = vector.data<T>();
    T* out = y.data<T>();
    const auto kernel = side == Side::row ? SELECT_ISA(with_row<T, Function>) : SELECT_ISA(with_column<T, Function>);
    parallel_for(rows, rows_per_block(columns), [&](int64_t begin, int64_t end) {
      kernel(in + begin * columns, side == Side::row ? values : values + begin, out + begin * columns, end - begin, columns, function);
    });
  });
  return y;
}

}  // namespace

namespace cpu {
Tensor add_bias(const Tensor& x, const Tensor& bias) { return broadcast<Side::row>(x, bias, Add{}); }
Tensor multiply_row(const Tensor& x, const Tensor& row) { return broadcast<Side::row>(x, row, Multiply{}); }
Tensor add_column(const Tensor& x, const Tensor& column) { return broadcast<Side::column>(x, column, Add{}); }
Tensor multiply_column(const Tensor& x, const Tensor& column) { return broadcast<Side::column>(x, column, Multiply{}); }
}  // namespace cpu

}  // namespace tensor::ops
