#include "tensor/ops/l2_normalize.h"

#include <cmath>

#include "tensor/ops/naive.h"

namespace tensor::ops {
namespace {

void check(const char* op, const Tensor& x, double eps) {
  check_floating(op, {"x", x});
  as_matrix(x, op);
  CHECK(eps > 0, "{}: eps {}; expected above 0", op, eps);
}

}  // namespace

L2NormalizeResult l2_normalize(const Tensor& x, double eps) {
  check("l2_normalize", x, eps);
  DISPATCH_DEVICE(x, l2_normalize, x, eps);
}

Tensor l2_normalize_grad(const Tensor& x, const Tensor& norm, const Tensor& dy, double eps) {
  check("l2_normalize_grad", x, eps);
  check_same("l2_normalize_grad", {"x", x}, {"dy", dy});
  check_shape("l2_normalize_grad", {"norm", norm}, without_last_axis(x.shape()));
  check_same_kind("l2_normalize_grad", {"x", x}, {"norm", norm});
  DISPATCH_DEVICE(x, l2_normalize_grad, x, norm, dy, eps);
}

namespace naive {

L2NormalizeResult l2_normalize(const Tensor& x, double eps) {
  const std::vector<double> values = x.to_vector();
  const int64_t columns = x.dim(-1);
  const auto norm = [&](int64_t r) {
    double squares = 0;
    for (int64_t c = 0; c < columns; ++c) squares += values[r * columns + c] * values[r * columns + c];
    return std::sqrt(squares);
  };
  return {by_element(x, [&](int64_t r, int64_t c) { return values[r * columns + c] / (norm(r) + eps); }), by_row(x, norm)};
}

Tensor l2_normalize_grad(const Tensor& x, const Tensor& norm, const Tensor& dy, double eps) {
  const std::vector<double> values = x.to_vector(), norms = norm.to_vector(), g = dy.to_vector();
  const int64_t columns = x.dim(-1);
  return by_element(x, [&](int64_t r, int64_t c) {
    const int64_t at = r * columns + c;
    const double n = norms[r];
    if (n == 0) return g[at] / eps;
    double dot = 0;
    for (int64_t k = 0; k < columns; ++k) dot += values[r * columns + k] * g[r * columns + k];
    return (g[at] - values[at] * dot / (n * (n + eps))) / (n + eps);
  });
}

}  // namespace naive
}  // namespace tensor::ops
