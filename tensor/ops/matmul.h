#pragma once
// maths    y[m,n] = sum_k A[m,k] B[k,n],  A = a or a^T, B = b or b^T
// shapes   a (M,K) or (K,M) when transposed; b (K,N) or (N,K) when transposed; y (M,N); K = 0 gives zeros
// types    f32 and f64; on CUDA also bf16 a and b, with y in f32 (rows that are multiples of 8 long are read fastest)
// cost     2 M N K flop; compute-bound from K, N of about 64 on; scratch: on the cpu about 1 MB of packed B, on CUDA at most 4 MB

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
