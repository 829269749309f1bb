#pragma once
// Average and maximum over windows.
//
// maths    y[n,oh,ow,c] = max or mean over kh, kw of x[n, oh*s+kh-p, ow*s+kw-p, c]
// shapes   x (N,H,W,C)  y, dy (N,OH,OW,C)  OH = (H + 2p - K) / s + 1, rounded down; p <= K / 2; f32 and f64
//          maximum: positions outside are ignored; mean: they count as zeros and the divisor is K * K (PyTorch's count_include_pad)
// cost     K * K operations per output element, memory-bound

#include "tensor/tensor.h"

namespace tensor::ops {

struct Pool2dParams {
  int64_t kernel = 2;
  int64_t stride = 2;
  int64_t padding = 0;
};

/// The shape of y; an error for windows that x or the contract has no place for.
Shape pool2d_shape(const Shape& x, Pool2dParams params);

struct MaxPoolResult {
  Tensor y;
  Tensor argmax;  ///< i32, like y: ih * W + iw of the (first) maximum; NaN wins
};
MaxPoolResult max_pool2d(const Tensor& x, Pool2dParams params);
Tensor max_pool2d_grad(const Tensor& dy, const Tensor& argmax, const Shape& x_shape, Pool2dParams params);

Tensor avg_pool2d(const Tensor& x, Pool2dParams params);
Tensor avg_pool2d_grad(const Tensor& dy, const Shape& x_shape, Pool2dParams params);

namespace naive {
MaxPoolResult max_pool2d(const Tensor& x, Pool2dParams params);
Tensor max_pool2d_grad(const Tensor& dy, const Tensor& argmax, const Shape& x_shape, Pool2dParams params);
Tensor avg_pool2d(const Tensor& x, Pool2dParams params);
Tensor avg_pool2d_grad(const Tensor& dy, const Shape& x_shape, Pool2dParams params);
}  // namespace naive

namespace cuda {
decltype(ops::max_pool2d) max_pool2d;
decltype(ops::max_pool2d_grad) max_pool2d_grad;
decltype(ops::avg_pool2d) avg_pool2d;
decltype(ops::avg_pool2d_grad) avg_pool2d_grad;
}  // namespace cuda

}  // namespace tensor::ops
