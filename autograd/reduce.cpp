#include "tensor/ops/reduce.h"

#include "autograd/ops.h"
#include "tensor/ops/broadcast.h"
#include "tensor/ops/matrix_view.h"

namespace autograd {

namespace ops = tensor::ops;

// derivation of sum
//   y = sum_i x[i];   with axis 0: y[c] = sum_r x[r,c];   with axis -1: y[r] = sum_c x[r,c]
//   dx = dy for every element;   with axis 0: dx[r,c] = dy[c];   with axis -1: dx[r,c] = dy[r]
Variable sum(const Variable& x) {
  return record("sum", ops::sum(x.value()), {x}, [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
    return {Tensor::full(shape, dy.item(), dy.dtype(), dy.device())};
  });
}

Variable sum(const Variable& x, int axis) {
  return record("sum", ops::sum(x.value(), axis), {x}, [shape = x.shape(), axis](const Tensor& dy, const Needs&) -> Gradients {
    const Tensor zeros = Tensor::zeros(shape, dy.dtype(), dy.device());
    if (axis == -1) return {ops::add_column(zeros, dy)};
    const auto [rows, columns] = ops::first_axis_as_rows(zeros);
    return {ops::add_bias(zeros.reshape(Shape{rows, columns}), dy.reshape(Shape{columns})).reshape(shape)};
  });
}

// derivation of mean
//   y = sum_i x[i] / n, n elements
//   dx[i] = dy / n
Variable mean(const Variable& x) {
  return record("mean", ops::mean(x.value()), {x}, [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
    return {Tensor::full(shape, dy.item() / static_cast<double>(shape.numel()), dy.dtype(), dy.device())};
  });
}

}  // namespace autograd
