#include "tensor/ops/conv2d.h"

#include "autograd/ops.h"

namespace autograd {

namespace ops = tensor::ops;

Variable conv2d(const Variable& x, const Variable& w, ops::Conv2dParams params) {
  return record("conv2d", ops::conv2d(x.value(), w.value(), params), {x, w},
                [x = x.value(), w = w.value(), params](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                  // y = sum over the window of x w     =>   dx gathers dy w over every window a position is in,
                  //                                         dw = sum over positions of x dy;   indices in tensor/ops/conv2d.h
                  return {needs_input_grad[0] ? ops::conv2d_dx(dy, w, x.shape(), params) : Tensor(),
                          needs_input_grad[1] ? ops::conv2d_dw(x, dy, w.shape(), params) : Tensor()};
                });
}

}  // namespace autograd
