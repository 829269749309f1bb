// cost     as in broadcast.h
// parallel a thread owns every n-th row of one column, n decided by the shape alone: no two write one place
// numerics one operation per element

#include "tensor/cuda/runtime.h"

#include "tensor/ops/broadcast.h"
#include "tensor/ops/column_tiles.h"
#include "tensor/ops/elementwise_functors.h"
#include "tensor/ops/matrix_view.h"

namespace tensor::ops::cuda {
namespace {

enum class Side { row, column };

template <Side side, class T, class Function>
struct Broadcast {
  const T *x, *vector;
  int64_t columns;
  Function function;
  T* y;
  __device__ void operator()(int64_t r, int64_t c) const {
    y[r * columns + c] = function(x[r * columns + c], vector[side == Side::row ? c : r]);
  }
};

template <Side side, class Function>
Tensor broadcast(const Tensor& x, const Tensor& vector, Function function) {
  const auto [rows, columns] = as_matrix(x);
  Tensor y(x.shape(), x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    for_each_element(rows, columns, x.device(),
                     Broadcast<side, T, Function>{x.data<T>(), vector.data<T>(), columns, function, y.data<T>()});
  });
  return y;
}

}  // namespace

Tensor add_bias(const Tensor& x, const Tensor& bias) { return broadcast<Side::row>(x, bias, Add{}); }
Tensor multiply_row(const Tensor& x, const Tensor& row) { return broadcast<Side::row>(x, row, Multiply{}); }
Tensor add_column(const Tensor& x, const Tensor& column) { return broadcast<Side::column>(x, column, Add{}); }
Tensor multiply_column(const Tensor& x, const Tensor& column) { return broadcast<Side::column>(x, column, Multiply{}); }

}  // namespace tensor::ops::cuda
