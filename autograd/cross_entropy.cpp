#include "tensor/ops/cross_entropy.h"

#include "autograd/ops.h"

namespace autograd {

Variable cross_entropy(const Variable& logits, const Tensor& labels) {
  tensor::ops::CrossEntropyResult forward = tensor::ops::cross_entropy(logits.value(), labels);
  return record("cross_entropy", forward.loss, {logits},
                [probabilities = forward.probabilities, labels](const Tensor& dloss, const Needs&) -> Gradients {
                  // loss = mean_r (log sum_c e^x[r,c] - x[r,label])     =>   dx = dloss / R (softmax(x) - onehot(label))
                  return {tensor::ops::cross_entropy_grad(probabilities, labels, dloss)};
                });
}

}  // namespace autograd
