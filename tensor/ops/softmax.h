#pragma once
// Softmax over the last axis.
//
// maths    softmax: y[r,c] = exp(x[r,c] - m) / sum_k exp(x[r,k] - m), m = max_k x[r,k];   log_softmax: its logarithm
// shapes   x, y, dy, dx (.., C), C >= 1
// types    f32 and f64
// cost     about 20 FLOP per element; a row is read up to three times, from cache
// numerics exp of numbers <= 0, its sum in double; NaN or inf in a row makes the row NaN
// errors   no columns; y and dy that differ in shape, dtype or device

#include "tensor/tensor.h"

namespace tensor::ops {

Tensor softmax(const Tensor& x);
/// dx = y * (dy - sum_c dy * y), y = softmax(x)
Tensor softmax_grad(const Tensor& y, const Tensor& dy);
Tensor log_softmax(const Tensor& x);
/// dx = dy - exp(y) * sum_c dy, y = log_softmax(x)
Tensor log_softmax_grad(const Tensor& y, const Tensor& dy);

namespace naive {  // the oracles: in double, rounded once
decltype(ops::softmax) softmax, log_softmax;
decltype(ops::softmax_grad) softmax_grad, log_softmax_grad;
}  // namespace naive

namespace cpu {
decltype(ops::softmax) softmax, log_softmax;
decltype(ops::softmax_grad) softmax_grad, log_softmax_grad;
}  // namespace cpu

namespace cuda {
decltype(ops::softmax) softmax, log_softmax;
decltype(ops::softmax_grad) softmax_grad, log_softmax_grad;
}  // namespace cuda

}  // namespace tensor::ops
