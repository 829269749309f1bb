#include "tensor/ops/pool2d.h"

#include "autograd/ops.h"

namespace autograd {

namespace ops = tensor::ops;

Variable max_pool2d(const Variable& x, ops::Pool2dParams params) {
  ops::MaxPoolResult forward = ops::max_pool2d(x.value(), params);
  return record("max_pool2d", forward.y, {x},
                [argmax = forward.argmax, shape = x.shape(), params](const Tensor& dy, const Needs&) -> Gradients {
                  // y[o] = x[argmax[o]]                   =>   dx[i] = sum of dy[o] over the windows o that chose i
                  return {ops::max_pool2d_grad(dy, argmax, shape, params)};
                });
}

Variable avg_pool2d(const Variable& x, ops::Pool2dParams params) {
  return record("avg_pool2d", ops::avg_pool2d(x.value(), params), {x},
                [shape = x.shape(), params](const Tensor& dy, const Needs&) -> Gradients {
                  // y[o] = sum of x over window o / K^2   =>   dx[i] = sum of dy[o] / K^2 over the windows o that i is in
                  return {ops::avg_pool2d_grad(dy, shape, params)};
                });
}

}  // namespace autograd
