#include "tensor/ops/pool2d.h"

#include "autograd/ops.h"

namespace autograd {

namespace ops = tensor::ops;

// derivation of max_pool2d
//   y[n,oh,ow,c] = max over (kh,kw) of x[n, oh s + kh - p, ow s + kw - p, c], positions outside ignored
//   dx[n,ih,iw,c] = sum of dy[n,oh,ow,c] over the windows (oh,ow) whose first maximum is at (ih,iw)
Variable max_pool2d(const Variable& x, ops::Pool2dParams params) {
  ops::MaxPoolResult forward = ops::max_pool2d(x.value(), params);
  return record("max_pool2d", forward.y, {x},
                [argmax = forward.argmax, shape = x.shape(), params](const Tensor& dy, const Needs&) -> Gradients {
                  return {ops::max_pool2d_grad(argmax, dy, shape, params)};
                });
}

}  // namespace autograd
