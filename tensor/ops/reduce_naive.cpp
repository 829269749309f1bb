// The oracles of the reductions: one running sum (or the maximum so far) in double.

#include "tensor/ops/naive.h"
#include "tensor/ops/reduce.h"

namespace tensor::ops::naive {

Tensor sum(const Tensor& x) {
  double total = 0;
  for (const double value : x.to_vector()) total += value;
  return rounded({total}, {}, x.dtype());
}

Tensor mean(const Tensor& x) {
  double total = 0;
  for (const double value : x.to_vector()) total += value;
  return rounded({total / static_cast<double>(x.numel())}, {}, x.dtype());
}

Tensor sum_rows(const Tensor& x) {
  const auto [rows, columns] = as_matrix(x);
  const std::vector<double> values = x.to_vector();
  std::vector<double> sums(static_cast<size_t>(columns));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) sums[c] += values[r * columns + c];
  return rounded(sums, {columns}, x.dtype());
}

Tensor sum_columns(const Tensor& x) {
  const std::vector<double> values = x.to_vector();
  return by_row(x, [&](int64_t r) {
    double total = 0;
    for (int64_t c = 0; c < x.dim(-1); ++c) total += values[r * x.dim(-1) + c];
    return total;
  });
}

Tensor argmax_columns(const Tensor& x) {
  const std::vector<double> values = x.to_vector();
  std::vector<int64_t> first;
  for (int64_t r = 0; r < as_matrix(x).rows; ++r) {
    const double* row = values.data() + r * x.dim(-1);
    int64_t best = 0;
    for (int64_t c = 1; c < x.dim(-1); ++c)
      if (row[best] == row[best] && (row[c] > row[best] || row[c] != row[c])) best = c;  // NaN is above every number
    first.push_back(best);
  }
  return Tensor::from(first, without_last_axis(x.shape()));
}

Tensor max_columns(const Tensor& x) {
  const std::vector<double> values = x.to_vector();
  const Tensor best = argmax_columns(x);
  return by_row(x, [&](int64_t r) { return values[r * x.dim(-1) + best.data<int64_t>()[r]]; });
}

}  // namespace tensor::ops::naive
