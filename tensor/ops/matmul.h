#pragma once
// maths    y[m,n] = sum_k A[m,k] B[k,n],  A = a or a^T, B = b or b^T
// shapes   a (M,K) or (K,M) when transposed; b (K,N) or (N,K) when transposed; y (M,N); f32 and f64; K = 0 gives zeros
// cost     2 M N K flop; compute-bound from K, N of about 64 on; scratch: packed panels of B

#include "tensor/tensor.h"

namespace tensor::ops {

enum class Transpose { no, yes };

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a = Transpose::no, Transpose transpose_b = Transpose::no);

namespace naive {
/// Three loops, sums in double: the oracle.
Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a = Transpose::no, Transpose transpose_b = Transpose::no);
}  // namespace naive

namespace cuda {
decltype(ops::matmul) matmul;
}  // namespace cuda

}  // namespace tensor::ops
