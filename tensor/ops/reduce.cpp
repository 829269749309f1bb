#include "tensor/ops/reduce.h"

#include "tensor/ops/naive.h"

namespace tensor::ops {

Tensor sum(const Tensor& x) {
  check_floating("sum", {"x", x});
  DISPATCH_DEVICE(x, sum, x);
}

Tensor sum(const Tensor& x, int axis) {
  check_floating("sum", {"x", x});
  CHECK(axis == 0 || axis == -1, "sum: axis {} of x {}; use 0 or -1, or reshape x", axis, x.shape().to_string());
  as_matrix(x, "sum");
  DISPATCH_DEVICE(x, sum, x, axis);
}

Tensor mean(const Tensor& x) {
  check_floating("mean", {"x", x});
  CHECK(x.numel() > 0, "mean of no elements, shape {}", x.shape().to_string());
  DISPATCH_DEVICE(x, mean, x);
}

Tensor argmax(const Tensor& x) {
  check_floating("argmax", {"x", x});
  CHECK(as_matrix(x, "argmax").columns >= 1, "argmax: no columns in shape {}", x.shape().to_string());
  DISPATCH_DEVICE(x, argmax, x);
}

namespace naive {

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

Tensor sum(const Tensor& x, int axis) {
  const auto [rows, columns] = axis == 0 ? first_axis_as_rows(x) : as_matrix(x);
  const Shape shape = axis == 0 ? without_first_axis(x.shape()) : without_last_axis(x.shape());
  const std::vector<double> values = x.to_vector();
  std::vector<double> sums(shape.numel());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) sums[axis == 0 ? c : r] += values[r * columns + c];
  return rounded(sums, shape, x.dtype());
}

Tensor argmax(const Tensor& x) {
  const auto [rows, columns] = as_matrix(x);
  const std::vector<double> values = x.to_vector();
  std::vector<int64_t> first;
  for (int64_t r = 0; r < rows; ++r) {
    const double* row = values.data() + r * columns;
    int64_t best = 0;
    for (int64_t c = 1; c < columns; ++c)
      if (row[best] == row[best] && (row[c] > row[best] || row[c] != row[c])) best = c;  // NaN is above every number
    first.push_back(best);
  }
  return Tensor::from(first, without_last_axis(x.shape()));
}

}  // namespace naive
}  // namespace tensor::ops
