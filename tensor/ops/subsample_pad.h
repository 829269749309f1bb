#pragma once
// He et al.'s option A shortcut (2015): every second row and column, and zero channels half in front and half behind.
//
// maths    y[n,oh,ow,c] = x[n, oh*s, ow*s, c - front] for front <= c < front + C, else 0;  front = (O - C) / 2, rounded down
// shapes   x (N,H,W,C)  y, dy (N, ceil(H/s), ceil(W/s), O), O >= C; f32 and f64
// cost     no arithmetic, memory-bound

#include "tensor/tensor.h"

namespace tensor::ops {

/// The shape of y; an error where the contract has none.
Shape subsample_pad_shape(const Shape& x, int64_t stride, int64_t channels);
Tensor subsample_pad(const Tensor& x, int64_t stride, int64_t channels);
Tensor subsample_pad_grad(const Tensor& dy, const Shape& x_shape, int64_t stride);

namespace naive {
/// The same, plainly: the oracles.
Tensor subsample_pad(const Tensor& x, int64_t stride, int64_t channels);
Tensor subsample_pad_grad(const Tensor& dy, const Shape& x_shape, int64_t stride);
}  // namespace naive

namespace cuda {
decltype(ops::subsample_pad) subsample_pad;
decltype(ops::subsample_pad_grad) subsample_pad_grad;
}  // namespace cuda

}  // namespace tensor::ops
