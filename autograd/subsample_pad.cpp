#include "tensor/ops/subsample_pad.h"

#include "autograd/ops.h"

namespace autograd {

// derivation of subsample_pad
//   y[n,oh,ow,f + c] = x[n, oh s, ow s, c] for the C channels of x, f = (O - C) / 2 rounded down; 0 in the others
//   dx[n, oh s, ow s, c] = dy[n,oh,ow,f + c], and 0 at every other position
Variable subsample_pad(const Variable& x, int64_t stride, int64_t channels) {
  return record("subsample_pad", tensor::ops::subsample_pad(x.value(), stride, channels), {x},
                [shape = x.shape(), stride](const Tensor& dy, const Needs&) -> Gradients {
                  return {tensor::ops::subsample_pad_grad(dy, shape, stride)};
                });
}

}  // namespace autograd
