#include "autograd/ops.h"

namespace autograd {

Variable reshape(const Variable& x, std::vector<int64_t> extents) {
  return record("reshape", x.value().reshape(std::move(extents)), {x}, [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients {
    // y[i] = x[i] in row-major order   =>   dx[i] = dy[i]
    return {dy.reshape(shape)};
  });
}

}  // namespace autograd
