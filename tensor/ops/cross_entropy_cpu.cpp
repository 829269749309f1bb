// maths    loss = mean_r (log sum_c exp(x[r,c] - m) + m - x[r,label[r]] + s (x[r,label[r]] - mean_c x[r,c])), m = max_c x[r,c]
//          dx = dloss / R * (softmax(x) - t), t = (1 - s) onehot + s / C
// shapes   logits, probabilities, dx (R,C)  labels i64 (R)  loss, dloss (); f32 and f64
// cost     about 20 flop per logit, once
// parallel a block of rows is written by one thread; the rows' losses are added in order
// numerics sums in double; a loss far below 1 keeps the digits that the largest probability leaves (1 - p, not p). s = 0 has a path without
// the
//          row's mean, so that a logit of -inf stays harmless there

#include "tensor/ops/cross_entropy.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "tensor/isa.h"
#include "tensor/ops/exp.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

#define KERNEL_FILE "tensor/ops/softmax_kernel.inl"
#include "tensor/for_each_isa.h"

void check(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  CHECK(logits.rank() == 2, "cross_entropy: expected logits (rows, classes), got {}", logits.shape().to_string());
  const int64_t rows = logits.dim(0), classes = logits.dim(1);
  CHECK(rows >= 1 && classes >= 1, "cross_entropy: logits {} are empty", logits.shape().to_string());
  check_shape("cross_entropy", {"labels", labels}, {rows});
  check_same_device("cross_entropy", {"logits", logits}, {"labels", labels});
  CHECK(labels.dtype() == Dtype::i64, "cross_entropy: labels are {}, expected i64", name(labels.dtype()));
  CHECK(label_smoothing >= 0 && label_smoothing <= 1, "cross_entropy: label smoothing is {}, expected 0 to 1", label_smoothing);
}

/// Labels on a device are copied here, which waits for it. Its gradient only compares them, and so needs no second look.
void check_labels(const Tensor& labels, int64_t classes) {
  const Tensor here = labels.to({});
  const int64_t* label = here.data<int64_t>();
  for (int64_t r = 0; r < here.numel(); ++r)
    CHECK(label[r] >= 0 && label[r] < classes, "cross_entropy: label {} in row {} is not in 0 to {}", label[r], r, classes - 1);
}

}  // namespace

namespace cpu {

CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  const int64_t rows = logits.dim(0), classes = logits.dim(1);
  Tensor probabilities(logits.shape(), logits.dtype(), logits.device());
  std::vector<double> losses(static_cast<size_t>(rows));
  dispatch_floating(logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* x = logits.data<T>();
    const int64_t* label = labels.data<int64_t>();
    T* out = probabilities.data<T>();
    const auto maximum = SELECT_ISA(max_of<T>);
    const auto exponentials = SELECT_ISA(exp_row<T>);
    const auto scaled = SELECT_ISA(shift_and_scale<T>);
    parallel_for(rows, rows_per_block(classes), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* row = x + r * classes;
        T* result = out + r * classes;
        const T largest = maximum(row, classes);
        const double sum = exponentials(row, largest, result, classes);
        scaled(result, T(0), static_cast<T>(1 / sum), result, classes);
        const double of_label = static_cast<double>(row[label[r]]);
        double& loss = losses[r];
        loss = std::log(sum) + (static_cast<double>(largest) - of_label);
        if (label_smoothing == 0) continue;
        double total = 0;
        for (int64_t c = 0; c < classes; ++c) total += static_cast<double>(row[c]);
        loss += label_smoothing * (of_label - total / static_cast<double>(classes));
      }
    });
  });
  double sum = 0;
  for (const double loss : losses) sum += loss;
  return {Tensor::full({}, sum / static_cast<double>(rows), logits.dtype()), probabilities};
}

Tensor cross_entropy_grad(const Tensor& probabilities, const Tensor& labels, const Tensor& dloss, double label_smoothing) {
  const int64_t rows = probabilities.dim(0), classes = probabilities.dim(1);
  Tensor dx(probabilities.shape(), probabilities.dtype(), probabilities.device());
  dispatch_floating(probabilities.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* p = probabilities.data<T>();
    const int64_t* label = labels.data<int64_t>();
    const T factor = static_cast<T>(dloss.item() / static_cast<double>(rows));
    const T others = static_cast<T>(label_smoothing / static_cast<double>(classes)), own = T(1) - static_cast<T>(label_smoothing) + others;
    T* out = dx.data<T>();
    const auto scaled = SELECT_ISA(shift_and_scale<T>);
    parallel_for(rows, rows_per_block(classes), [&](int64_t begin, int64_t end) {
      scaled(p + begin * classes, -others, factor, out + begin * classes, (end - begin) * classes);
      for (int64_t r = begin; r < end; ++r) out[r * classes + label[r]] = factor * (p[r * classes + label[r]] - own);
    });
  });
  return dx;
}

}  // namespace cpu

CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  check(logits, labels, label_smoothing);
  check_labels(labels, logits.dim(1));
  DISPATCH_DEVICE(logits, cross_entropy, logits, labels, label_smoothing);
}

Tensor cross_entropy_grad(const Tensor& probabilities, const Tensor& labels, const Tensor& dloss, double label_smoothing) {
  check(probabilities, labels, label_smoothing);
  if (labels.device().is_cpu()) check_labels(labels, probabilities.dim(1));
  CHECK(dloss.numel() == 1, "cross_entropy_grad: dloss has shape {}, expected one element", dloss.shape().to_string());
  check_same_kind("cross_entropy_grad", {"probabilities", probabilities}, {"dloss", dloss});
  DISPATCH_DEVICE(probabilities, cross_entropy_grad, probabilities, labels, dloss, label_smoothing);
}

}  // namespace tensor::ops
