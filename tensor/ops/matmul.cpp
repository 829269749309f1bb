// Argument checks, dispatch to the device, and the oracle of matmul.
#include "tensor/ops/matmul.h"

#include "tensor/ops/naive.h"

namespace tensor::ops {

MatmulExtents matmul_extents(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  CHECK(a.rank() == 2 && b.rank() == 2, "matmul: expected two matrices, got a {} and b {}; reshape them", a.shape().to_string(),
        b.shape().to_string());
  check_same_kind("matmul", {"a", a}, {"b", b});
  CHECK(a.dtype() != Dtype::bf16 || !a.device().is_cpu(), "matmul: a {} and b {} are bf16 on the cpu; bf16 needs CUDA, cast to f32",
        a.shape().to_string(), b.shape().to_string());
  if (a.dtype() != Dtype::bf16) check_floating("matmul", {"a", a});
  const bool flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
  const MatmulExtents e = {.m = a.dim(flip_a ? 1 : 0), .n = b.dim(flip_b ? 0 : 1), .k = a.dim(flip_a ? 0 : 1)};
  CHECK(b.dim(flip_b ? 1 : 0) == e.k,
        "matmul: a{} is {}, b{} is {}; the columns of the first must be the rows of the second, transpose or reshape one",
        flip_a ? "^T" : "", Shape{e.m, e.k}.to_string(), flip_b ? "^T" : "", Shape{b.dim(flip_b ? 1 : 0), e.n}.to_string());
  return e;
}

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  matmul_extents(a, b, transpose_a, transpose_b);
  DISPATCH_DEVICE(a, matmul, a, b, transpose_a, transpose_b);
}

namespace naive {

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  const auto [m, n, k] = matmul_extents(a, b, transpose_a, transpose_b);
  const std::vector<double> a_data = a.to_vector(), b_data = b.to_vector();
  std::vector<double> y(m * n);
  for (int64_t row = 0; row < m; ++row)
    for (int64_t column = 0; column < n; ++column)
      for (int64_t i = 0; i < k; ++i)
        y[row * n + column] += a_data[transpose_a == Transpose::yes ? i * m + row : row * k + i] *
                               b_data[transpose_b == Transpose::yes ? column * k + i : i * n + column];
  return rounded(y, {m, n}, a.dtype());
}

}  // namespace naive
}  // namespace tensor::ops
