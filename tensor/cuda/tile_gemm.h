#pragma once
// maths    y[r,c] = sum_k a(r,k) b(c,k), k of one slice of K; operands and result are functors (operand.h)
// shapes   a block owns a square tile of y: 64 x 64 in f32, 16 x 16 in f64; a thread owns a square of 4 x 4, or 2 x 2, of it
// cost     2 FLOP per product; an operand's row is read once per tile across it: 1/64 (f64: 1/16) of a naive kernel's reads.
//          From shared memory a thread reads 8 numbers for 16 products; with one output per thread it would read 2 for 1
// parallel a block owns one tile of one slice; gemm.h adds the slices in index order
// numerics sums in the elements' own dtype, in order of k
#include "tensor/cuda/operand.h"

namespace tensor::cuda {

template <class T>
struct Tile;
template <>
struct Tile<float> {
  static constexpr int extent = 64, k = 16, side = 4, threads = 256;
};
/// Small, so that the cases of a gradient check span several tiles.
template <>
struct Tile<double> {
  static constexpr int extent = 16, k = 16, side = 2, threads = 64;
};

/// Grid: tiles of y (column tiles fastest: neighbors share the rows of a), then slices of `slice_k`, a multiple of the tile's k.
template <class A, class B, class Out>
__global__ void __launch_bounds__(Tile<typename A::Element>::threads) tile_gemm(A a, B b, Out out, int column_tiles, int ks, int slice_k) {
  using T = typename A::Element;
  constexpr int extent = Tile<T>::extent, tile_k = Tile<T>::k, side = Tile<T>::side;
  constexpr int threads = Tile<T>::threads, across = extent / side;
  static_assert(threads == across * across, "a thread owns one square of the tile");
  using Numbers = Pack<T, side>;
  // One k after the other, so that a thread's numbers of one k are neighbors; the spare column avoids bank conflicts.
  SHARED(Numbers, a_tile, [tile_k][across + 1]);
  SHARED(Numbers, b_tile, [tile_k][across + 1]);

  const int tile = static_cast<int>(blockIdx.x), slice = static_cast<int>(blockIdx.y);
  const int first_row = tile / column_tiles * extent, first_column = tile % column_tiles * extent;
  const Share<A, extent, tile_k, threads> a_share(a, first_row);
  const Share<B, extent, tile_k, threads> b_share(b, first_column);
  const int thread_row = static_cast<int>(threadIdx.x) / across, thread_column = static_cast<int>(threadIdx.x) % across;

  T sums[side][side] = {};
  const int begin = slice * slice_k, end = ks - begin < slice_k ? ks : begin + slice_k;
  for (int first = begin; first < end; first += tile_k) {
    a_share.each(first, [&](const T* from, int r, int d) { a_tile[d][r / side].values[r % side] = from ? *from : T{}; });
    b_share.each(first, [&](const T* from, int r, int d) { b_tile[d][r / side].values[r % side] = from ? *from : T{}; });
    __syncthreads();
#pragma unroll
    for (int d = 0; d < tile_k; ++d) {
      const Numbers left = a_tile[d][thread_row], right = b_tile[d][thread_column];
#pragma unroll
      for (int i = 0; i < side; ++i)
#pragma unroll
        for (int j = 0; j < side; ++j) sums[i][j] += left.values[i] * right.values[j];
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < side; ++i)
    store_columns(out.row(slice, first_row + thread_row * side + i), first_column + thread_column * side, out.columns, sums[i]);
}

}  // namespace tensor::cuda
