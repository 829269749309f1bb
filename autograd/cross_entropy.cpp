#include "tensor/ops/cross_entropy.h"

#include "autograd/ops.h"

namespace autograd {

Variable cross_entropy(const Variable& logits, const Tensor& labels, double label_smoothing) {
  tensor::ops::CrossEntropyResult forward = tensor::ops::cross_entropy(logits.value(), labels, label_smoothing);
  return record("cross_entropy", forward.loss, {logits},
                [probabilities = forward.probabilities, labels, label_smoothing](const Tensor& dloss, const Needs&) -> Gradients {
                  // loss = mean_r (log sum_c e^x[r,c] - sum_c t[r,c] x[r,c])     =>   dx = dloss / R (softmax(x) - t)
                  // t = (1 - s) onehot(label) + s / C, which adds up to 1
                  return {tensor::ops::cross_entropy_grad(probabilities, labels, dloss, label_smoothing)};
                });
}

}  // namespace autograd
