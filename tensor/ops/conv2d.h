#pragma once
// maths    y[n,oh,ow,o]   = sum_{kh,kw,c} x[n, oh*s+kh-p, ow*s+kw-p, c] * w[o,kh,kw,c]      (x is zero outside its extents)
//          dx[n,ih,iw,c]  = sum_{kh,kw,o} dy[n, (ih+p-kh)/s, (iw+p-kw)/s, o] * w[o,kh,kw,c]  (only where s divides)
//          dw[o,kh,kw,c]  = sum_{n,oh,ow} x[n, oh*s+kh-p, ow*s+kw-p, c] * dy[n,oh,ow,o]
// shapes   x (N,H,W,C)  w (O,KH,KW,C)  y, dy (N,OH,OW,O)  OH = (H + 2p - KH) / s + 1, rounded down
// types    f32 and f64: all operands and the result in one of them; any kernel, stride, padding. On CUDA also
//            conv2d     x bf16, w f32 or bf16    -> y bf16         (f32 weights are packed by cast)
//            conv2d_dx  dy bf16, w f32 or bf16   -> dx bf16
//            conv2d_dw  x and dy bf16            -> dw f32
//          with C and O multiples of 8: pad the channels of images and classes
// cost     2*N*OH*OW*O*KH*KW*C flop for each of the three; compute-bound from C, O of about 16 on

#include "tensor/tensor.h"

namespace tensor::ops {

struct Conv2dParams {
  int64_t stride = 1;
  int64_t padding = 0;
};

/// Shape (N, OH, OW, O) of the result; throws where the kernel is larger than the padded image or the channels differ.
Shape conv2d_output_shape(const Shape& x, const Shape& w, Conv2dParams params);

Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dParams params);
/// dL/dx from dL/dy; `x_shape` decides which of the inputs that give the same output size is meant.
Tensor conv2d_dx(const Tensor& dy, const Tensor& w, const Shape& x_shape, Conv2dParams params);
/// dL/dw from dL/dy.
Tensor conv2d_dw(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params);

namespace naive {
/// Seven loops each, sums in double: the oracles.
Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dParams params);
Tensor conv2d_dx(const Tensor& dy, const Tensor& w, const Shape& x_shape, Conv2dParams params);
Tensor conv2d_dw(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params);
}  // namespace naive

namespace cuda {
decltype(ops::conv2d) conv2d;
decltype(ops::conv2d_dx) conv2d_dx;
decltype(ops::conv2d_dw) conv2d_dw;
}  // namespace cuda

}  // namespace tensor::ops
