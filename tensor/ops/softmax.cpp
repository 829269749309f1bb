#include "tensor/ops/softmax.h"

#include <cmath>

#include "tensor/ops/naive.h"

namespace tensor::ops {
namespace {

void check(const char* op, const Tensor& x) {
  check_floating(op, {"x", x});
  CHECK(as_matrix(x, op).columns >= 1, "{}: no columns in shape {}", op, x.shape().to_string());
}

void check_grad(const char* op, const Tensor& y, const Tensor& dy) {
  check(op, y);
  check_same(op, {"y", y}, {"dy", dy});
}

}  // namespace

Tensor softmax(const Tensor& x) {
  check("softmax", x);
  DISPATCH_DEVICE(x, softmax, x);
}

Tensor softmax_grad(const Tensor& y, const Tensor& dy) {
  check_grad("softmax_grad", y, dy);
  DISPATCH_DEVICE(y, softmax_grad, y, dy);
}

Tensor log_softmax(const Tensor& x) {
  check("log_softmax", x);
  DISPATCH_DEVICE(x, log_softmax, x);
}

Tensor log_softmax_grad(const Tensor& y, const Tensor& dy) {
  check_grad("log_softmax_grad", y, dy);
  DISPATCH_DEVICE(y, log_softmax_grad, y, dy);
}

namespace naive {

Tensor log_softmax(const Tensor& x) {
  const std::vector<double> values = x.to_vector(), sums = log_sums(x);
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

}  // namespace naive
}  // namespace tensor::ops
