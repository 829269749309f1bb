#include "tensor/ops/softmax.h"

#include "autograd/ops.h"

namespace autograd {

namespace ops = tensor::ops;

Variable softmax(const Variable& x) {
  Tensor y = ops::softmax(x.value());
  return record("softmax", y, {x}, [y](const Tensor& dy, const Needs&) -> Gradients {
    // y = e^x / sum e^x,  dy_i/dx_j = y_i ([i == j] - y_j)      =>   dx = y (dy - sum_c dy y)
    return {ops::softmax_grad(y, dy)};
  });
}

Variable log_softmax(const Variable& x) {
  Tensor y = ops::log_softmax(x.value());
  return record("log_softmax", y, {x}, [y](const Tensor& dy, const Needs&) -> Gradients {
    // y = x - log sum e^x,  dy_i/dx_j = [i == j] - e^y_j        =>   dx = dy - e^y sum_c dy
    return {ops::log_softmax_grad(y, dy)};
  });
}

}  // namespace autograd
