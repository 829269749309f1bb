// maths    y = A B as one pass of a 1x1 convolution, whose three passes are the three products with at most one transposition:
//            forward  y[m,n]  = sum_k x[m,k] w[n,k]   = a b^T
//            dx       dx[m,n] = sum_k dy[m,k] w[k,n]  = a b
//            dw       dw[m,n] = sum_k dy[k,m] x[k,n]  = a^T b
// shapes   a row is a picture of one pixel
// cost     2 M N K flop; a^T b^T copies b once, transposed
// parallel as conv2d's passes
// numerics as conv2d's passes
#include "tensor/ops/matmul.h"

#include "tensor/ops/conv2d.h"

namespace tensor::ops {
namespace {

struct Extents {
  int64_t m, k, n;
};

Extents extents_of(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  CHECK(a.rank() == 2 && b.rank() == 2, "matmul: expected two matrices, got {} and {}", a.shape().to_string(), b.shape().to_string());
  CHECK(a.dtype() == b.dtype(), "matmul: a is {}, b is {}; cast one of them", name(a.dtype()), name(b.dtype()));
  CHECK(a.device() == b.device(), "matmul: a is on {}, b on {}; move one of them", a.device().to_string(), b.device().to_string());
  CHECK(a.dtype() != Dtype::bf16 || !a.device().is_cpu(), "matmul: bf16 is multiplied on CUDA alone; cast to f32 for the cpu");
  const bool flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
  const Extents e = {a.dim(flip_a ? 1 : 0), a.dim(flip_a ? 0 : 1), b.dim(flip_b ? 0 : 1)};
  CHECK(b.dim(flip_b ? 1 : 0) == e.k, "matmul: a {}{} and b {}{} do not fit", a.shape().to_string(), flip_a ? "^T" : "",
        b.shape().to_string(), flip_b ? "^T" : "");
  return e;
}

}  // namespace

namespace cpu {
namespace {

Tensor transposed(const Tensor& x) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const int64_t rows = x.dim(0), columns = x.dim(1);
    Tensor y({columns, rows}, x.dtype());
    const T* from = x.data<T>();
    T* to = y.data<T>();
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column) to[column * rows + row] = from[row * columns + column];
    return y;
  });
}

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  const auto [m, k, n] = extents_of(a, b, transpose_a, transpose_b);
  if (m == 0 || n == 0 || k == 0) return Tensor::zeros({m, n}, a.dtype());
  if (transpose_a == Transpose::no) {
    const Tensor rows = a.reshape(Shape{m, 1, 1, k});
    const Tensor y = transpose_b == Transpose::yes ? ops::conv2d(rows, b.reshape(Shape{n, 1, 1, k}), {})
                                                   : ops::conv2d_dx(rows, b.reshape(Shape{k, 1, 1, n}), {m, 1, 1, n}, {});
    return y.reshape(Shape{m, n});
  }
  const Tensor right = transpose_b == Transpose::yes ? transposed(b) : b;
  return ops::conv2d_dw(right.reshape(Shape{k, 1, 1, n}), a.reshape(Shape{k, 1, 1, m}), {m, 1, 1, n}, {}).reshape(Shape{m, n});
}

}  // namespace
}  // namespace cpu

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  extents_of(a, b, transpose_a, transpose_b);
  DISPATCH_DEVICE(a, matmul, a, b, transpose_a, transpose_b);
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
