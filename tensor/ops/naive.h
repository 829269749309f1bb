#pragma once
// What the naive loops share: they compute in double, and round once at the end.

#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/ops/matrix_view.h"
#include "tensor/tensor.h"

namespace tensor::ops::naive {

/// `values` in row-major order as a tensor of f32 or f64.
inline Tensor rounded(const std::vector<double>& values, const Shape& shape, Dtype dtype) {
  if (dtype == Dtype::f64) return Tensor::from(values, shape);
  return Tensor::from(std::vector<float>(values.begin(), values.end()), shape);
}

/// y[r,c] = value(r, c) over the rows and columns of x.
template <class Value>
Tensor by_element(const Tensor& x, const Value& value) {
  const auto [rows, columns] = as_matrix(x);
  std::vector<double> y;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) y.push_back(value(r, c));
  return rounded(y, x.shape(), x.dtype());
}

/// y[r] = value(r) over the rows of x.
template <class Value>
Tensor by_row(const Tensor& x, const Value& value) {
  std::vector<double> y;
  for (int64_t r = 0; r < as_matrix(x).rows; ++r) y.push_back(value(r));
  return rounded(y, without_last_axis(x.shape()), x.dtype());
}

/// log sum_c exp(x[r,c]) for every row, in double.
inline std::vector<double> log_sums(const Tensor& x) {
  const auto [rows, columns] = as_matrix(x);
  const std::vector<double> values = x.to_vector();
  std::vector<double> result;
  for (int64_t r = 0; r < rows; ++r) {
    const double* row = values.data() + r * columns;
    const double largest = *std::max_element(row, row + columns);
    double sum = 0;
    for (int64_t c = 0; c < columns; ++c) sum += std::exp(row[c] - largest);
    result.push_back(largest + std::log(sum));
  }
  return result;
}

}  // namespace tensor::ops::naive
