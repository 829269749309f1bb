#pragma once
// Rows of length 1.
//
// maths    y[r,:] = x[r,:] / (n + eps), n = |x[r,:]|;   dx = dy / (n + eps) - x (x . dy) / (n (n + eps)^2)
//          a row of zeros gives zeros, and its dx is dy / eps
// shapes   x, y, dy, dx (.., C); norm (..)
// types    f32 and f64
// cost     4 FLOP per element; the second reading of a row comes from cache: memory-bound
// numerics sums of squares and products in double; factors in double, rounded once
// errors   eps <= 0; arguments that differ in shape, dtype or device

#include "tensor/tensor.h"

namespace tensor::ops {

struct L2NormalizeResult {
  Tensor y;
  Tensor norm;  ///< |x| per row, without eps
};
L2NormalizeResult l2_normalize(const Tensor& x, double eps = 1e-10);
Tensor l2_normalize_grad(const Tensor& x, const Tensor& norm, const Tensor& dy, double eps = 1e-10);

namespace naive {  // the oracles: in double, rounded once
decltype(ops::l2_normalize) l2_normalize;
decltype(ops::l2_normalize_grad) l2_normalize_grad;
}  // namespace naive

namespace cpu {
decltype(ops::l2_normalize) l2_normalize;
decltype(ops::l2_normalize_grad) l2_normalize_grad;
}  // namespace cpu

namespace cuda {
decltype(ops::l2_normalize) l2_normalize;
decltype(ops::l2_normalize_grad) l2_normalize_grad;
}  // namespace cuda

}  // namespace tensor::ops
