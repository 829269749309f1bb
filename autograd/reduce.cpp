#include "tensor/ops/reduce.h"

#include "autograd/ops.h"
#include "tensor/ops/broadcast.h"

namespace autograd {

namespace ops = tensor::ops;

Variable sum(const Variable& x) {
  return record("sum", ops::sum(x.value()), {x}, [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
    // y = sum_i x[i]              =>   dx[i] = dy
    return {Tensor::full(shape, dy.item(), dy.dtype(), dy.device())};
  });
}

Variable mean(const Variable& x) {
  return record("mean", ops::mean(x.value()), {x}, [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
    // y = sum_i x[i] / n          =>   dx[i] = dy / n
    return {Tensor::full(shape, dy.item() / static_cast<double>(shape.numel()), dy.dtype(), dy.device())};
  });
}

Variable sum_rows(const Variable& x) {
  return record("sum_rows", ops::sum_rows(x.value()), {x}, [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
    // y[c] = sum_r x[r,c]         =>   dx[r,c] = dy[c]
    return {ops::add_row(Tensor::zeros(shape, dy.dtype(), dy.device()), dy)};
  });
}

Variable sum_columns(const Variable& x) {
  return record("sum_columns", ops::sum_columns(x.value()), {x}, [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
    // y[r] = sum_c x[r,c]         =>   dx[r,c] = dy[r]
    return {ops::add_column(Tensor::zeros(shape, dy.dtype(), dy.device()), dy)};
  });
}

}  // namespace autograd
