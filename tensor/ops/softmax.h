#pragma once
// Softmax over the last axis, the row maximum subtracted first.
//
// maths    y[r,c] = exp(x[r,c]) / sum_c exp(x[r,c]);   log_softmax: its logarithm;   logsumexp[r] = log sum_c exp(x[r,c])
// shapes   x, y (.., C), C >= 1; logsumexp (..); f32 and f64
// cost     about 20 flop per element, reads x up to three times from cache

#include "tensor/tensor.h"

namespace tensor::ops {

Tensor softmax(const Tensor& x);
/// dx = y * (dy - sum_c dy * y)
Tensor softmax_grad(const Tensor& y, const Tensor& dy);
Tensor log_softmax(const Tensor& x);
/// dx = dy - exp(y) * sum_c dy, y = log_softmax(x)
Tensor log_softmax_grad(const Tensor& y, const Tensor& dy);
Tensor logsumexp(const Tensor& x);

namespace naive {
/// The same in double, plainly: the oracles.
Tensor softmax(const Tensor& x);
Tensor softmax_grad(const Tensor& y, const Tensor& dy);
Tensor log_softmax(const Tensor& x);
Tensor log_softmax_grad(const Tensor& y, const Tensor& dy);
Tensor logsumexp(const Tensor& x);
}  // namespace naive

namespace cuda {
decltype(ops::softmax) softmax;
decltype(ops::softmax_grad) softmax_grad;
decltype(ops::log_softmax) log_softmax;
decltype(ops::log_softmax_grad) log_softmax_grad;
decltype(ops::logsumexp) logsumexp;
}  // namespace cuda

}  // namespace tensor::ops
