#include "tensor/ops/l2_normalize.h"

#include "autograd/ops.h"

namespace autograd {

Variable l2_normalize(const Variable& x, double eps) {
  tensor::ops::L2NormalizeResult forward = tensor::ops::l2_normalize(x.value(), eps);
  return record("l2_normalize", forward.y, {x}, [x = x.value(), norm = forward.norm, eps](const Tensor& dy, const Needs&) -> Gradients {
    // y = x / (n + eps),  n = |x|,  u = x / n     =>   dx = (dy - u (u . dy) n / (n + eps)) / (n + eps)
    return {tensor::ops::l2_normalize_grad(x, norm, dy, eps)};
  });
}

}  // namespace autograd
