#include "tensor/ops/softmax.h"

#include "autograd/ops.h"

namespace autograd {

namespace ops = tensor::ops;

// derivation of softmax
//   y[r,c] = e^x[r,c] / sum_k e^x[r,k]
//   dx[r,c] = y[r,c] (dy[r,c] - sum_k dy[r,k] y[r,k]), because dy[r,i]/dx[r,j] = y[r,i] ([i == j] - y[r,j])
Variable softmax(const Variable& x) {
  Tensor y = ops::softmax(x.value());
  return record("softmax", y, {x}, [y](const Tensor& dy, const Needs&) -> Gradients { return {ops::softmax_grad(y, dy)}; });
}

// derivation of log_softmax
//   y[r,c] = x[r,c] - ln sum_k e^x[r,k]
//   dx[r,c] = dy[r,c] - e^y[r,c] sum_k dy[r,k], because dy[r,i]/dx[r,j] = [i == j] - e^y[r,j]
Variable log_softmax(const Variable& x) {
  Tensor y = ops::log_softmax(x.value());
  return record("log_softmax", y, {x}, [y](const Tensor& dy, const Needs&) -> Gradients { return {ops::log_softmax_grad(y, dy)}; });
}

}  // namespace autograd
