#pragma once
// He et al.'s option A shortcut (2015): every s-th row and column, and zero channels half before and half after the channels of x.
//
// maths    y[n,oh,ow,c] = x[n, oh*s, ow*s, c - front] for front <= c < front + C, else 0;  front = (O - C) / 2, rounded down
// shapes   x, dx (N,H,W,C)  y, dy (N, ceil(H/s), ceil(W/s), O), O >= C
// types    f32 and f64
// cost     copies: memory-bound
// errors   another rank; s < 1; O < C; dy of another shape than y

#include "tensor/tensor.h"

namespace tensor::ops {

/// The shape of y.
Shape subsample_pad_shape(const Shape& x, int64_t stride, int64_t channels);
Tensor subsample_pad(const Tensor& x, int64_t stride, int64_t channels);
Tensor subsample_pad_grad(const Tensor& dy, const Shape& x_shape, int64_t stride);

namespace naive {  // the oracles
decltype(ops::subsample_pad) subsample_pad;
decltype(ops::subsample_pad_grad) subsample_pad_grad;
}  // namespace naive

namespace cpu {
decltype(ops::subsample_pad) subsample_pad;
decltype(ops::subsample_pad_grad) subsample_pad_grad;
}  // namespace cpu

namespace cuda {
decltype(ops::subsample_pad) subsample_pad;
decltype(ops::subsample_pad_grad) subsample_pad_grad;
}  // namespace cuda

}  // namespace tensor::ops
