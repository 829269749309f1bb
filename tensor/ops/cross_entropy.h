#pragma once
// maths    loss = mean over rows of (log sum_c exp(x[r,c]) - sum_c t[r,c] x[r,c]), t = (1 - s) [c == label[r]] + s / C
//          dx[r,c] = dloss / R * (softmax(x)[r,c] - t[r,c])
//          s is the label smoothing (Szegedy et al., "Rethinking the Inception architecture", CVPR 2016), 0 for plain cross-entropy
// shapes   logits (R,C), labels i64 (R) in 0 .. C - 1 (anything else is an error that names the row), loss (); R >= 1; 0 <= s <= 1; f32 and
// f64

#include "tensor/tensor.h"

namespace tensor::ops {

struct CrossEntropyResult {
  Tensor loss;           ///< ()
  Tensor probabilities;  ///< (R,C), kept for the backward pass
};
CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing = 0);
Tensor cross_entropy_grad(const Tensor& probabilities, const Tensor& labels, const Tensor& dloss, double label_smoothing = 0);

namespace naive {
/// The loss and its gradient in double, plainly: the oracles.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing = 0);
Tensor cross_entropy_grad(const Tensor& probabilities, const Tensor& labels, const Tensor& dloss, double label_smoothing = 0);
}  // namespace naive

namespace cuda {
decltype(ops::cross_entropy) cross_entropy;
decltype(ops::cross_entropy_grad) cross_entropy_grad;
}  // namespace cuda

}  // namespace tensor::ops
