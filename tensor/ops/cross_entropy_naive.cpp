// The oracles of cross_entropy: the mean of logsumexp minus the logits weighed by the smoothed label, and its gradient, in double.

#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/naive.h"
#include "tensor/ops/softmax.h"

namespace tensor::ops::naive {
namespace {

double target(bool is_label, int64_t classes, double label_smoothing) {
  return (is_label ? 1 - label_smoothing : 0) + label_smoothing / static_cast<double>(classes);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  const std::vector<double> values = logits.to_vector();
  const std::vector<double> sums = logsumexp(rounded(values, logits.shape(), Dtype::f64)).to_vector();
  double loss = 0;
  for (int64_t r = 0; r < labels.numel(); ++r) {
    loss += sums[r];
    for (int64_t c = 0; c < logits.dim(1); ++c)
      loss -= target(c == labels.data<int64_t>()[r], logits.dim(1), label_smoothing) * values[r * logits.dim(1) + c];
  }
  return rounded({loss / static_cast<double>(labels.numel())}, {}, logits.dtype());
}

Tensor cross_entropy_grad(const Tensor& probabilities, const Tensor& labels, const Tensor& dloss, double label_smoothing) {
  const std::vector<double> p = probabilities.to_vector();
  const double scale = dloss.item() / static_cast<double>(labels.numel());
  return by_element(probabilities, [&](int64_t r, int64_t c) {
    return scale * (p[r * probabilities.dim(1) + c] - target(c == labels.data<int64_t>()[r], probabilities.dim(1), label_smoothing));
  });
}

}  // namespace tensor::ops::naive
