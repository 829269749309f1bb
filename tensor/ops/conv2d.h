#pragma once
// maths    y[n,oh,ow,o]   = sum_{kh,kw,c} x[n, oh*s+kh-p, ow*s+kw-p, c] * w[o,kh,kw,c]      (x is zero outside the image)
//          dx[n,ih,iw,c]  = sum_{kh,kw,o} dy[n, (ih+p-kh)/s, (iw+p-kw)/s, o] * w[o,kh,kw,c]  (only where s divides)
//          dw[o,kh,kw,c]  = sum_{n,oh,ow} x[n, oh*s+kh-p, ow*s+kw-p, c] * dy[n,oh,ow,o]
// shapes   x (N,H,W,C)  w (O,KH,KW,C)  y, dy (N,OH,OW,O)  OH = (H + 2p - KH) / s + 1, rounded down
// types    f32 and f64: operands and result share one dtype; any kernel size, stride, padding. On CUDA also
//            conv2d     x bf16, w f32 or bf16    -> y bf16         (f32 weights are packed by cast)
//            conv2d_dx  dy bf16, w f32 or bf16   -> dx bf16
//            conv2d_dw  x and dy bf16            -> dw f32
//          with C and O multiples of 8; pad the channels of images and classes
// cost     2*N*OH*OW*O*KH*KW*C FLOP for each of the three; compute-bound for C, O >= 16

#include "tensor/tensor.h"

namespace tensor::ops {

struct Conv2dParams {
  int64_t stride = 1;
  int64_t padding = 0;
};

/// Shape (N, OH, OW, O) of y. Error: the kernel is larger than the padded image, or the channels of x and w differ.
Shape conv2d_output_shape(const Shape& x, const Shape& w, Conv2dParams params);

Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dParams params);
/// Several input sizes give the same output size, so the caller states `x_shape`.
Tensor conv2d_dx(const Tensor& w, const Tensor& dy, const Shape& x_shape, Conv2dParams params);
Tensor conv2d_dw(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params);

/// Both implementations of dx: along one axis, the positions first, first + s, first + 2s, ... of x meet the same taps of the kernel, so dx
/// of these positions is a correlation of stride 1. Position first + s*i takes tap + s*t, t < taps, from output i + shift - t.
struct Conv2dResidue {
  int64_t positions;  ///< of x in this residue class modulo s
  int64_t tap, taps;  ///< the first tap and their number; 0 taps: dx is zero here
  int64_t shift;
  Conv2dResidue(int64_t first, int64_t extent, int64_t kernel, Conv2dParams params);
};

namespace naive {  // seven loops, sums in double
decltype(ops::conv2d) conv2d;
decltype(ops::conv2d_dx) conv2d_dx;
decltype(ops::conv2d_dw) conv2d_dw;
}  // namespace naive

namespace cpu {
decltype(ops::conv2d) conv2d;
decltype(ops::conv2d_dx) conv2d_dx;
decltype(ops::conv2d_dw) conv2d_dw;
}  // namespace cpu

namespace cuda {
decltype(ops::conv2d) conv2d;
decltype(ops::conv2d_dx) conv2d_dx;
decltype(ops::conv2d_dw) conv2d_dw;
}  // namespace cuda

}  // namespace tensor::ops
