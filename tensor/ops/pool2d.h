#pragma once
// Maximum over windows.
//
// maths    y[n,oh,ow,c] = max over kh, kw of x[n, oh*s+kh-p, ow*s+kw-p, c]; positions outside the image are ignored
// shapes   x (N,H,W,C)  y, dy, argmax (N,OH,OW,C)  OH = (H + 2p - K) / s + 1, rounded down; p <= K / 2; f32 and f64
// cost     K * K comparisons per output element, memory-bound

#include "tensor/math.h"
#include "tensor/tensor.h"

namespace tensor::ops {

struct Pool2dParams {
  int64_t kernel = 2;
  int64_t stride = 2;
  int64_t padding = 0;
};

/// The shape of y. Error: the window is larger than the padded image, or the padding is more than half a window.
Shape pool2d_shape(const Shape& x, Pool2dParams params);

struct MaxPoolResult {
  Tensor y;
  Tensor argmax;  ///< i32, like y: ih * W + iw of the first maximum; NaN is greater than every number
};
MaxPoolResult max_pool2d(const Tensor& x, Pool2dParams params);
/// dx: each dy goes to the maximum of its window.
Tensor max_pool2d_grad(const Tensor& argmax, const Tensor& dy, const Shape& x_shape, Pool2dParams params);

/// Positions or windows begin, ..., end - 1 along one axis.
struct Window {
  int64_t begin, end;
};

/// The part of window `o` that lies inside [0, extent).
HOST_DEVICE Window window(int64_t o, int64_t extent, Pool2dParams params) {
  const int64_t first = o * params.stride - params.padding, end = first + params.kernel;
  return {first < 0 ? 0 : first, end < extent ? end : extent};
}

/// The windows o that cover position i: o * s - p <= i < o * s - p + K.
HOST_DEVICE Window windows_over(int64_t i, int64_t windows, Pool2dParams params) {
  const int64_t end = (i + params.padding) / params.stride + 1;
  const int64_t before = i + params.padding - params.kernel;  // if >= 0: the last position of a window that ends before i
  return {before < 0 ? 0 : before / params.stride + 1, end < windows ? end : windows};
}

namespace naive {
decltype(ops::max_pool2d) max_pool2d;
decltype(ops::max_pool2d_grad) max_pool2d_grad;
}  // namespace naive

namespace cpu {
decltype(ops::max_pool2d) max_pool2d;
decltype(ops::max_pool2d_grad) max_pool2d_grad;
}  // namespace cpu

namespace cuda {
decltype(ops::max_pool2d) max_pool2d;
decltype(ops::max_pool2d_grad) max_pool2d_grad;
}  // namespace cuda

}  // namespace tensor::ops
