#include "tensor/ops/cross_entropy.h"

#include "tensor/ops/naive.h"

namespace tensor::ops {
namespace {

void check(const char* op, const Argument& x, const Tensor& labels, double label_smoothing) {
  check_rank(op, x, 2, "(rows, classes)");
  check_floating(op, x);
  const int64_t rows = x.tensor.dim(0), classes = x.tensor.dim(1);
  CHECK(rows >= 1 && classes >= 1, "{}: {} {} are empty", op, x.name, x.tensor.shape().to_string());
  check_shape(op, {"labels", labels}, {rows});
  check_same_device(op, x, {"labels", labels});
  CHECK(labels.dtype() == Dtype::i64, "{}: labels are {}; expected i64", op, name(labels.dtype()));
  CHECK(label_smoothing >= 0 && label_smoothing <= 1, "{}: label smoothing is {}; expected 0 to 1", op, label_smoothing);
}

/// Labels on a device are copied to the host, which waits for it. The gradient only compares labels, so it does not check them again there.
void check_labels(const Tensor& labels, int64_t classes) {
  const Tensor here = labels.to({});
  const int64_t* label = here.data<int64_t>();
  for (int64_t r = 0; r < here.numel(); ++r)
    CHECK(label[r] >= 0 && label[r] < classes, "cross_entropy: label {} in row {} is not in 0 to {}", label[r], r, classes - 1);
}

}  // namespace

CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  check("cross_entropy", {"logits", logits}, labels, label_smoothing);
  check_labels(labels, logits.dim(1));
  DISPATCH_DEVICE(logits, cross_entropy, logits, labels, label_smoothing);
}

Tensor cross_entropy_grad(const Tensor& probabilities, const Tensor& labels, const Tensor& dloss, double label_smoothing) {
  check("cross_entropy_grad", {"probabilities", probabilities}, labels, label_smoothing);
  if (labels.device().is_cpu()) check_labels(labels, probabilities.dim(1));
  CHECK(dloss.numel() == 1, "cross_entropy_grad: dloss has shape {}; expected one element", dloss.shape().to_string());
  check_same_kind("cross_entropy_grad", {"probabilities", probabilities}, {"dloss", dloss});
  DISPATCH_DEVICE(probabilities, cross_entropy_grad, probabilities, labels, dloss, label_smoothing);
}

namespace naive {
namespace {

double target(bool is_label, int64_t classes, double label_smoothing) {
  return (is_label ? 1 - label_smoothing : 0) + label_smoothing / static_cast<double>(classes);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  const std::vector<double> values = logits.to_vector(), sums = log_sums(logits);
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

}  // namespace naive
}  // namespace tensor::ops
