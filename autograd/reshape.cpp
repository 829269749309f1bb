#include "autograd/ops.h"

namespace autograd {

// derivation of reshape
//   y[i] = x[i], i in row-major order: the same elements under another shape
//   dx[i] = dy[i]
Variable reshape(const Variable& x, std::vector<int64_t> extents) {
  return record("reshape", x.value().reshape(std::move(extents)), {x},
                [shape = x.shape()](const Tensor& dy, const Needs&) -> Gradients { return {dy.reshape(shape)}; });
}

}  // namespace autograd
