#include "tensor/ops/pool2d.h"

#include "autograd/ops.h"

namespace autograd {

namespace ops = tensor::ops;

// derivation of max_pool2d
//   y[n,oh,ow,c] = max over (kh,kw) of x[n, oh s + kh - p, ow s + kw - p, c], positions outside left out
//   dx[n,ih,iw,c] = sum of dy[n,oh,ow,c] over the windows (oh,ow) whose first maximum is at (ih,iw)
Variable max_pool2d(const Variable& x, ops::Pool2dParams params) {
  ops::MaxPoolResult forward = ops::max_pool2d(x.value(), params);
  return record("max_pool2d", forward.y, {x},
                [argmax = forward.argmax, shape = x.shape(), params](const Tensor& dy, const Needs&) -> Gradients {
                  return {ops::max_pool2d_grad(dy, argmax, shape, params)};
                });
}

// derivation of avg_pool2d
//   y[n,oh,ow,c] = sum over (kh,kw) of x[n, oh s + kh - p, ow s + kw - p, c] / K^2, positions outside count as 0
//   dx[n,ih,iw,c] = sum of dy[n,oh,ow,c] / K^2 over the windows (oh,ow) that (ih,iw) is in
Variable avg_pool2d(const Variable& x, ops::Pool2dParams params) {
  return record(
      "avg_pool2d", ops::avg_pool2d(x.value(), params), {x},
      [shape = x.shape(), params](const Tensor& dy, const Needs&) -> Gradients { return {ops::avg_pool2d_grad(dy, shape, params)}; });
}

}  // namespace autograd
