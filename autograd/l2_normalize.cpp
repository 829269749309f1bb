#include "tensor/ops/l2_normalize.h"

#include "autograd/ops.h"

namespace autograd {

// derivation of l2_normalize
//   y[r,:] = x[r,:] / (n + eps), n = |x[r,:]|, u = x[r,:] / n
//   dx[r,:] = (dy - u (u . dy) n / (n + eps)) / (n + eps)
Variable l2_normalize(const Variable& x, double eps) {
  tensor::ops::L2NormalizeResult forward = tensor::ops::l2_normalize(x.value(), eps);
  return record("l2_normalize", forward.y, {x}, [x = x.value(), norm = forward.norm, eps](const Tensor& dy, const Needs&) -> Gradients {
    return {tensor::ops::l2_normalize_grad(x, norm, dy, eps)};
  });
}

}  // namespace autograd
