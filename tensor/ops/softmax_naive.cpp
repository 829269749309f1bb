// The oracles of softmax: the formulas of softmax.h, in double.

#include <algorithm>
#include <cmath>

#include "tensor/ops/naive.h"
#include "tensor/ops/softmax.h"

namespace tensor::ops::naive {

Tensor logsumexp(const Tensor& x) {
  const std::vector<double> values = x.to_vector();
  const int64_t columns = x.dim(-1);
  return by_row(x, [&](int64_t r) {
    const double* row = values.data() + r * columns;
    const double largest = *std::max_element(row, row + columns);
    double sum = 0;
    for (int64_t c = 0; c < columns; ++c) sum += std::exp(row[c] - largest);
    return largest + std::log(sum);
  });
}

Tensor log_softmax(const Tensor& x) {
  const std::vector<double> values = x.to_vector(), sums = logsumexp(rounded(values, x.shape(), Dtype::f64)).to_vector();
  return by_element(x, [&](int64_t r, int64_t c) { return values[r * x.dim(-1) + c] - sums[r]; });
}

Tensor softmax(const Tensor& x) {
  const std::vector<double> logs = log_softmax(rounded(x.to_vector(), x.shape(), Dtype::f64)).to_vector();
  return by_element(x, [&](int64_t r, int64_t c) { return std::exp(logs[r * x.dim(-1) + c]); });
}

Tensor softmax_grad(const Tensor& y, const Tensor& dy) {
  const std::vector<double> p = y.to_vector(), g = dy.to_vector();
  const int64_t columns = y.dim(-1);
  return by_element(y, [&](int64_t r, int64_t c) {
    double dot = 0;
    for (int64_t k = 0; k < columns; ++k) dot += g[r * columns + k] * p[r * columns + k];
    return p[r * columns + c] * (g[r * columns + c] - dot);
  });
}

Tensor log_softmax_grad(const Tensor& y, const Tensor& dy) {
  const std::vector<double> log_p = y.to_vector(), g = dy.to_vector();
  const int64_t columns = y.dim(-1);
  return by_element(y, [&](int64_t r, int64_t c) {
    double sum = 0;
    for (int64_t k = 0; k < columns; ++k) sum += g[r * columns + k];
    return g[r * columns + c] - std::exp(log_p[r * columns + c]) * sum;
  });
}

}  // namespace tensor::ops::naive
