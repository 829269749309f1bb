#include "tensor/ops/cross_entropy.h"

#include "autograd/ops.h"

namespace autograd {

// derivation of cross_entropy
//   y = mean over rows r of (ln sum_c e^x[r,c] - sum_c t[r,c] x[r,c])
//   t[r,c] = (1 - s) [c == label[r]] + s / C, s the label smoothing; a row of t adds up to 1
//   dx[r,c] = dy / R (softmax(x)[r,c] - t[r,c])
Variable cross_entropy(const Variable& logits, const Tensor& labels, double label_smoothing) {
  tensor::ops::CrossEntropyResult forward = tensor::ops::cross_entropy(logits.value(), labels, label_smoothing);
  return record("cross_entropy", forward.loss, {logits},
                [probabilities = forward.probabilities, labels, label_smoothing](const Tensor& dloss, const Needs&) -> Gradients {
                  return {tensor::ops::cross_entropy_grad(probabilities, labels, dloss, label_smoothing)};
                });
}

}  // namespace autograd
