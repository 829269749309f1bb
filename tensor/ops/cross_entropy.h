#pragma once
// Cross-entropy of softmax(logits) and integer labels, with label smoothing s (Szegedy et al., "Rethinking the Inception architecture",
// CVPR 2016); s = 0 is plain cross-entropy.
//
// maths    loss = mean over rows of (log sum_c exp(x[r,c]) - sum_c t[r,c] x[r,c]), t[r,c] = (1 - s) [c == label[r]] + s / C
//          dx[r,c] = dloss / R * (softmax(x)[r,c] - t[r,c])
// shapes   logits x, probabilities, dx (R,C), R >= 1, C >= 1; labels i64 (R) in 0 .. C - 1; loss, dloss ()
// types    f32 and f64
// cost     about 20 FLOP per logit, once
// numerics sums in double; a loss far below 1 keeps the digits that the largest probability leaves (1 - p, not p). s = 0 has a path without
//          the row's mean, so that a logit of -inf stays harmless there
// errors   empty logits; a label outside 0 .. C - 1, by its row; s outside 0 to 1; arguments that differ in dtype or device

#include "tensor/tensor.h"

namespace tensor::ops {

struct CrossEntropyResult {
  Tensor loss;           ///< ()
  Tensor probabilities;  ///< (R,C), kept for the backward pass
};
CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing = 0);
Tensor cross_entropy_grad(const Tensor& probabilities, const Tensor& labels, const Tensor& dloss, double label_smoothing = 0);

namespace naive {  // the oracles: in double, rounded once
/// The loss alone.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing = 0);
Tensor cross_entropy_grad(const Tensor& probabilities, const Tensor& labels, const Tensor& dloss, double label_smoothing = 0);
}  // namespace naive

namespace cpu {
decltype(ops::cross_entropy) cross_entropy;
decltype(ops::cross_entropy_grad) cross_entropy_grad;
}  // namespace cpu

namespace cuda {
decltype(ops::cross_entropy) cross_entropy;
decltype(ops::cross_entropy_grad) cross_entropy_grad;
}  // namespace cuda

}  // namespace tensor::ops
