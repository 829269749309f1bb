// The oracles of the reductions: one running sum in double.

#include "tensor/ops/naive.h"
#include "tensor/ops/reduce.h"

namespace tensor::ops::naive {

Tensor sum(const Tensor& x) {
  double total = 0;
  for (const double value : x.to_vector()) total += value;
  return rounded({total}, {}, x.dtype());
}

Tensor sum_rows(const Tensor& x) {
  const auto [rows, columns] = as_matrix(x);
  const std::vector<double> values = x.to_vector();
  std::vector<double> sums(static_cast<size_t>(columns));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) sums[static_cast<size_t>(c)] += values[static_cast<size_t>(r * columns + c)];
  return rounded(sums, {columns}, x.dtype());
}

Tensor sum_columns(const Tensor& x) {
  const std::vector<double> values = x.to_vector();
  return by_row(x, [&](int64_t r) {
    double total = 0;
    for (int64_t c = 0; c < x.dim(-1); ++c) total += values[static_cast<size_t>(r * x.dim(-1) + c)];
    return total;
  });
}

Tensor max_columns(const Tensor& x) {
  const std::vector<double> values = x.to_vector();
  return by_row(x, [&](int64_t r) {
    double largest = values[static_cast<size_t>(r * x.dim(-1))];
    for (int64_t c = 1; c < x.dim(-1); ++c) {
      const double value = values[static_cast<size_t>(r * x.dim(-1) + c)];
      if (value > largest || value != value) largest = value;
      if (largest != largest) break;
    }
    return largest;
  });
}

}  // namespace tensor::ops::naive
