// cost     as in cross_entropy.h
// parallel a block of rows is written by one thread; the losses of the rows are added in order
// numerics as in cross_entropy.h

#include "tensor/ops/cross_entropy.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "tensor/isa.h"
#include "tensor/ops/elementwise_functors.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

#define KERNEL_FILE "tensor/ops/row_kernel.inl"
#include "tensor/for_each_isa.h"

}  // namespace

namespace cpu {

CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  const int64_t rows = logits.dim(0), classes = logits.dim(1);
  Tensor probabilities(logits.shape(), logits.dtype(), logits.device());
  std::vector<double> losses(rows);
  dispatch_floating(logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* x = logits.data<T>();
    const int64_t* label = labels.data<int64_t>();
    T* out = probabilities.data<T>();
    const auto maximum = SELECT_ISA(max_of<T>);
    const auto exponentials = SELECT_ISA(exp_row<T>);
    const auto scaled = SELECT_ISA(shift_and_scale<T>);
    parallel_rows(rows, classes, [&](int64_t r) {
      const T* row = x + r * classes;
      T* result = out + r * classes;
      const T largest = maximum(row, classes);
      const double sum = exponentials(row, largest, result, classes);
      scaled(result, T(0), static_cast<T>(1 / sum), result, classes);
      const double of_label = static_cast<double>(row[label[r]]);
      double& loss = losses[r];
      loss = std::log(sum) + (static_cast<double>(largest) - of_label);
      if (label_smoothing == 0) return;
      double total = 0;
      for (int64_t c = 0; c < classes; ++c) total += static_cast<double>(row[c]);
      loss += label_smoothing * (of_label - total / static_cast<double>(classes));
    });
  });
  return {Tensor::full({}, sum_in_order(losses) / static_cast<double>(rows), logits.dtype()), probabilities};
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
    const CrossEntropyGrad<T> gradient{factor};
    const auto combine = SELECT_ISA(with_column<T, CrossEntropyGrad<T>>);
    parallel_for(rows, rows_per_block(classes), [&](int64_t begin, int64_t end) {
      combine(p + begin * classes, &others, out + begin * classes, 1, (end - begin) * classes, gradient);
      for (int64_t r = begin; r < end; ++r) out[r * classes + label[r]] = gradient(p[r * classes + label[r]], own);
    });
  });
  return dx;
}

}  // namespace cpu

}  // namespace tensor::ops
