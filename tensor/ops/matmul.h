#pragma once
// maths    y[m,n] = sum_k A[m,k] B[k,n],  A = a or a^T, B = b or b^T
// shapes   a (M,K), or (K,M) when transposed; b (K,N), or (N,K) when transposed; y (M,N); K = 0 gives zeros
// types    f32 and f64; on CUDA also bf16 a and b, with y in f32 (fastest where the rows of a and b are multiples of 8 long)
// cost     2 M N K FLOP; compute-bound for K, N >= 64; scratch: on the cpu about 1 MB of packed B, on CUDA at most 4 MB

#include "tensor/tensor.h"

namespace tensor::ops {

enum class Transpose { no, yes };

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a = Transpose::no, Transpose transpose_b = Transpose::no);

struct MatmulExtents {
  int64_t m, n, k;
};
/// M, N, K. Error: a or b is no matrix, K differs, dtypes or devices differ, or bf16 on the cpu.
MatmulExtents matmul_extents(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b);

namespace naive {
/// Three loops, sums in double.
Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a = Transpose::no, Transpose transpose_b = Transpose::no);
}  // namespace naive

namespace cpu {
decltype(ops::matmul) matmul;
}  // namespace cpu

namespace cuda {
decltype(ops::matmul) matmul;
}  // namespace cuda

}  // namespace tensor::ops
