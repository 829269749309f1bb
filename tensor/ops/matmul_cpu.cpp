#include "tensor/ops/matmul.h"

namespace tensor::ops {
namespace {

struct Extents {
  int64_t m, k, n;
};

Extents extents_of(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  CHECK(a.rank() == 2 && b.rank() == 2, "matmul: expected two matrices, got {} and {}", a.shape().to_string(), b.shape().to_string());
  CHECK(a.dtype() == b.dtype(), "matmul: a is {}, b is {}; cast one of them", name(a.dtype()), name(b.dtype()));
  const bool flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
  const Extents e = {a.dim(flip_a ? 1 : 0), a.dim(flip_a ? 0 : 1), b.dim(flip_b ? 0 : 1)};
  CHECK(b.dim(flip_b ? 1 : 0) == e.k, "matmul: a {}{} and b {}{} do not fit", a.shape().to_string(), flip_a ? "^T" : "",
        b.shape().to_string(), flip_b ? "^T" : "");
  return e;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  return naive::matmul(a, b, transpose_a, transpose_b);
}

namespace naive {

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  const auto [m, k, n] = extents_of(a, b, transpose_a, transpose_b);
  return dispatch_floating(a.dtype(), [&, m = m, k = k, n = n](auto zero) {
    using T = decltype(zero);
    Tensor y({m, n}, a.dtype());
    const T *a_data = a.data<T>(), *b_data = b.data<T>();
    T* y_data = y.data<T>();
    for (int64_t row = 0; row < m; ++row)
      for (int64_t column = 0; column < n; ++column) {
        double sum = 0;
        for (int64_t i = 0; i < k; ++i) {
          const T left = a_data[transpose_a == Transpose::yes ? i * m + row : row * k + i];
          const T right = b_data[transpose_b == Transpose::yes ? column * k + i : i * n + column];
          sum += static_cast<double>(left) * static_cast<double>(right);
        }
        y_data[row * n + column] = static_cast<T>(sum);
      }
    return y;
  });
}

}  // namespace naive
}  // namespace tensor::ops
