#include "tensor/ops/subsample_pad.h"

#include "autograd/ops.h"

namespace autograd {

Variable subsample_pad(const Variable& x, int64_t stride, int64_t channels) {
  return record("subsample_pad", tensor::ops::subsample_pad(x.value(), stride, channels), {x},
                [shape = x.shape(), stride](const Tensor& dy, const Needs&) -> Gradients {
                  // y copies every s-th position of x     =>   dx is dy there and 0 elsewhere; the padded channels lead nowhere
                  return {tensor::ops::subsample_pad_grad(dy, shape, stride)};
                });
}

}  // namespace autograd
