#pragma once
// maths    loss = mean over rows of (log sum_c exp(x[r,c]) - x[r, label[r]])
//          dx[r,c] = dloss / R * (softmax(x)[r,c] - [c == label[r]])
// shapes   logits (R,C), labels i64 (R) in 0 .. C - 1 (anything else is an error that names the row), loss (); R >= 1; f32 and f64

#include "tensor/tensor.h"

namespace tensor::ops {

struct CrossEntropyResult {
  Tensor loss;           ///< ()
  Tensor probabilities;  ///< (R,C), kept for the backward pass
};
CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& labels);
Tensor cross_entropy_grad(const Tensor& probabilities, const Tensor& labels, const Tensor& dloss);

namespace naive {
/// The loss and its gradient in double, plainly: the oracles.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels);
Tensor cross_entropy_grad(const Tensor& probabilities, const Tensor& labels, const Tensor& dloss);
}  // namespace naive

namespace cuda {
decltype(ops::cross_entropy) cross_entropy;
decltype(ops::cross_entropy_grad) cross_entropy_grad;
}  // namespace cuda

}  // namespace tensor::ops
