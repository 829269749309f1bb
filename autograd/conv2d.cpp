#include "tensor/ops/conv2d.h"

#include "autograd/ops.h"

namespace autograd {

namespace ops = tensor::ops;

// derivation of conv2d
//   y[n,oh,ow,o] = sum over (kh,kw,c) of x[n, oh s + kh - p, ow s + kw - p, c] w[o,kh,kw,c]
//   s is the stride, p the padding; x is 0 outside the image
//   dx[n,ih,iw,c] = sum over (kh,kw,o) of dy[n, (ih + p - kh) / s, (iw + p - kw) / s, o] w[o,kh,kw,c], where s divides
//   dw[o,kh,kw,c] = sum over (n,oh,ow) of x[n, oh s + kh - p, ow s + kw - p, c] dy[n,oh,ow,o]
Variable conv2d(const Variable& x, const Variable& w, ops::Conv2dParams params) {
  return record("conv2d", ops::conv2d(x.value(), w.value(), params), {x, w},
                [x = x.value(), w = w.value(), params](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                  return {needs_input_grad[0] ? ops::conv2d_dx(w, dy, x.shape(), params) : Tensor(),
                          needs_input_grad[1] ? ops::conv2d_dw(x, dy, w.shape(), params) : Tensor()};
                });
}

}  // namespace autograd
