#include "autograd/ops.h"
#include "tensor/ops/broadcast.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"

namespace autograd {

namespace ops = tensor::ops;

// derivation of linear
//   y[r,o] = sum_i x[r,i] w[o,i] + b[o]
//   dx[r,i] = sum_o dy[r,o] w[o,i]
//   dw[o,i] = sum_r dy[r,o] x[r,i]
//   db[o] = sum_r dy[r,o]
Variable linear(const Variable& x, const Variable& w, const Variable& b) {
  CHECK(x.value().rank() == 2 && w.value().rank() == 2 && x.shape()[1] == w.shape()[1],
        "linear: expected x (rows, I) and w (O, I), got {} and {}", x.shape().to_string(), w.shape().to_string());
  Tensor y = ops::matmul(x.value(), w.value(), ops::Transpose::no, ops::Transpose::yes);
  if (b.defined()) y = ops::add_bias(y, b.value());
  return record("linear", y, {x, w, b}, [x = x.value(), w = w.value()](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
    return {needs_input_grad[0] ? ops::matmul(dy, w) : Tensor(),
            needs_input_grad[1] ? ops::matmul(dy, x, ops::Transpose::yes, ops::Transpose::no) : Tensor(),
            needs_input_grad[2] ? ops::sum(dy, 0) : Tensor()};
  });
}

}  // namespace autograd
