#pragma once
// maths    y[r,:] = x[r,:] / (|x[r,:]| + eps);   with n = |x|, u = x / n:  dx = (dy - u (u . dy) n / (n + eps)) / (n + eps)
//          a row of norm 0 gives 0, and its gradient is dy / eps
// shapes   x, y (.., C), norm (..); f32 and f64 (the sum of squares in double)
// cost     4 flop per element, memory-bound

#include "tensor/tensor.h"

namespace tensor::ops {

struct L2NormalizeResult {
  Tensor y;
  Tensor norm;  ///< |x| per row, without eps
};
L2NormalizeResult l2_normalize(const Tensor& x, double eps = 1e-10);
Tensor l2_normalize_grad(const Tensor& x, const Tensor& norm, const Tensor& dy, double eps = 1e-10);

namespace naive {
/// The same in double, plainly: the oracles.
L2NormalizeResult l2_normalize(const Tensor& x, double eps = 1e-10);
Tensor l2_normalize_grad(const Tensor& x, const Tensor& norm, const Tensor& dy, double eps = 1e-10);
}  // namespace naive

namespace cuda {
decltype(ops::l2_normalize) l2_normalize;
decltype(ops::l2_normalize_grad) l2_normalize_grad;
}  // namespace cuda

}  // namespace tensor::ops
