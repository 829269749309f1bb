// maths    the GEMM of matmul.h, in four steps (staircase.h)
// cost     reads of a and b from memory: naive 2 M N K; tiled 2 M N K / 16; register-tiled f32 and tensor cores 2 M N K / 64.
//          Scratch of the last two: at most 4 MB of split-K partial sums, where y has few tiles and K is long
// parallel a thread owns one output or a square of them, a block a tile of one slice of K; slices are added in index order: no race, the
//          same bits every run
// numerics sums in the operands' dtype, of bf16 in f32; bf16 rows whose length is not a multiple of 8 are copied element by element
#include "tensor/cuda/runtime.h"

#include "tensor/cuda/gemm.h"
#include "tensor/math.h"
#include "tensor/ops/staircase.h"

namespace tensor::ops::cuda {
namespace {

using namespace tensor::cuda;  // NOLINT: launch, Matrix and the GEMMs

/// A(m,k) = a[m * a_m + k * a_k], B(k,n) = b[k * b_k + n * b_n]: a transposition exchanges two strides.
struct Strides {
  int64_t m, n, k, a_m, a_k, b_k, b_n;
};

Strides strides_of(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  const bool flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
  return {a.dim(flip_a ? 1 : 0), b.dim(flip_b ? 0 : 1), a.dim(flip_a ? 0 : 1), flip_a ? 1 : a.dim(1),
          flip_a ? a.dim(1) : 1, flip_b ? 1 : b.dim(1), flip_b ? b.dim(1) : 1};
}

template <class T>
__global__ void __launch_bounds__(256) naive_kernel(const T* a, const T* b, T* y, Strides s) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
  if (i >= s.m * s.n) return;
  const int64_t row = i / s.n, column = i % s.n;
  T sum{};
  for (int64_t k = 0; k < s.k; ++k) sum += a[row * s.a_m + k * s.a_k] * b[k * s.b_k + column * s.b_n];
  y[i] = sum;
}

constexpr int tile_extent = 16;

template <class T>
__global__ void __launch_bounds__(tile_extent* tile_extent) tiled_kernel(const T* a, const T* b, T* y, Strides s) {
  SHARED(T, a_tile, [tile_extent][tile_extent]);
  SHARED(T, b_tile, [tile_extent][tile_extent + 1]);  // the spare column avoids bank conflicts where b^T is written down the columns
  const int64_t column_tiles = ceil_div(s.n, tile_extent);
  const int64_t row = blockIdx.x / column_tiles * tile_extent + threadIdx.y, column = blockIdx.x % column_tiles * tile_extent + threadIdx.x;
  T sum{};
  for (int64_t first = 0; first < s.k; first += tile_extent) {
    const int64_t a_k = first + threadIdx.x, b_k = first + threadIdx.y;
    a_tile[threadIdx.y][threadIdx.x] = row < s.m && a_k < s.k ? a[row * s.a_m + a_k * s.a_k] : T{};
    b_tile[threadIdx.y][threadIdx.x] = column < s.n && b_k < s.k ? b[b_k * s.b_k + column * s.b_n] : T{};
    __syncthreads();
    for (int k = 0; k < tile_extent; ++k) sum += a_tile[threadIdx.y][k] * b_tile[k][threadIdx.x];
    __syncthreads();
  }
  if (row < s.m && column < s.n) y[row * s.n + column] = sum;
}

/// The main loops take a(m,k) and b(n,k); a transposition only exchanges K-major and MN-major.
template <class T, class Sum, int unit, Major major_a, Major major_b>
void multiply_major(const Tensor& a, const Tensor& b, const Strides& s, Tensor& y) {
  const int m = index_extent(s.m, "matmul"), n = index_extent(s.n, "matmul"), k = index_extent(s.k, "matmul");
  const Matrix<T, major_a, unit> left{a.data<T>(), m, k};
  const Matrix<T, major_b, unit> right{b.data<T>(), n, k};
  gemm_split_k<Sum>(left, right, m, n, k, y);
}

template <class T, class Sum, int unit>
Tensor multiply(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  const Strides s = strides_of(a, b, transpose_a, transpose_b);
  Tensor y({s.m, s.n}, dtype_of<Sum>(), a.device());
  if (y.numel() == 0) return y;
  if (transpose_a == Transpose::no && transpose_b == Transpose::no)
    multiply_major<T, Sum, unit, Major::k, Major::mn>(a, b, s, y);
  else if (transpose_a == Transpose::no)
    multiply_major<T, Sum, unit, Major::k, Major::k>(a, b, s, y);
  else if (transpose_b == Transpose::no)
    multiply_major<T, Sum, unit, Major::mn, Major::mn>(a, b, s, y);
  else
    multiply_major<T, Sum, unit, Major::mn, Major::k>(a, b, s, y);
  return y;
}

/// True where every eight neighbors of a row share one aligned group of 16 bytes.
bool in_chunks(const Tensor& x) { return x.dim(1) % 8 == 0 && reinterpret_cast<uintptr_t>(x.raw()) % 16 == 0; }

}  // namespace

namespace steps {

Tensor matmul_naive(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  return dispatch_floating(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Strides s = strides_of(a, b, transpose_a, transpose_b);
    Tensor y({s.m, s.n}, a.dtype(), a.device());
    if (y.numel() > 0)
      launch(naive_kernel<T>, (y.numel() + 255) / 256, 256, 0, stream_of(a.device()), a.data<T>(), b.data<T>(), y.data<T>(), s);
    return y;
  });
}

Tensor matmul_tiled(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  return dispatch_floating(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Strides s = strides_of(a, b, transpose_a, transpose_b);
    Tensor y({s.m, s.n}, a.dtype(), a.device());
    const int64_t tiles = ceil_div(s.m, tile_extent) * ceil_div(s.n, tile_extent);
    if (tiles > 0)
      launch(tiled_kernel<T>, tiles, {tile_extent, tile_extent}, 0, stream_of(a.device()), a.data<T>(), b.data<T>(), y.data<T>(), s);
    return y;
  });
}

Tensor matmul_register_tiled(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  return dispatch_floating(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return multiply<T, T, 1>(a, b, transpose_a, transpose_b);
  });
}

Tensor matmul_tensor_cores(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  if (in_chunks(a) && in_chunks(b)) return multiply<bfloat16, float, 8>(a, b, transpose_a, transpose_b);
  return multiply<bfloat16, float, 1>(a, b, transpose_a, transpose_b);
}

}  // namespace steps

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  return a.dtype() == Dtype::bf16 ? steps::matmul_tensor_cores(a, b, transpose_a, transpose_b)
                                  : steps::matmul_register_tiled(a, b, transpose_a, transpose_b);
}

}  // namespace tensor::ops::cuda
