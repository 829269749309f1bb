#include "tensor/ops/reduce.h"

#include "autograd/ops.h"
#include "tensor/ops/broadcast.h"

namespace autograd {

namespace ops = tensor::ops;

// derivation of sum
//   y = sum_i x[i]
//   dx[i] = dy
Variable sum(const Variable& x) {
  return record("sum", ops::sum(x.value()), {x}, [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
    return {Tensor::full(shape, dy.item(), dy.dtype(), dy.device())};
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

// derivation of sum_rows
//   y[c] = sum_r x[r,c], c the last axis, r all others
//   dx[r,c] = dy[c]
Variable sum_rows(const Variable& x) {
  return record("sum_rows", ops::sum_rows(x.value()), {x}, [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
    return {ops::add_row(Tensor::zeros(shape, dy.dtype(), dy.device()), dy)};
  });
}

// derivation of sum_columns
//   y[r] = sum_c x[r,c], c the last axis
//   dx[r,c] = dy[r]
Variable sum_columns(const Variable& x) {
  return record("sum_columns", ops::sum_columns(x.value()), {x}, [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
    return {ops::add_column(Tensor::zeros(shape, dy.dtype(), dy.device()), dy)};
  });
}

}  // namespace autograd
