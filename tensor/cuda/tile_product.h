#pragma once
// maths    y[r,c] = sum_d a(r,d) b(c,d), d of one slice of the depth; operands and result are functors (operand.h)
// shapes   a block owns a square tile of y: 64 x 64 in f32, 16 x 16 in f64; a thread owns a square of 4 x 4, or 2 x 2, of it
// cost     2 flop per product; each operand's row is read once for every tile across it: 1/64 (f64: 1/16) of a naive kernel's reads.
//          From shared memory a thread reads 8 numbers for 16 products, where one output a thread reads 2 for 1
// parallel a block owns one tile of one slice; slices are added in index order by product.h
// numerics sums run in the elements' own type, in order of depth
#include "tensor/cuda/operand.h"

namespace tensor::cuda {

template <class T>
struct Tile;
template <>
struct Tile<float> {
  static constexpr int extent = 64, depth = 16, side = 4, threads = 256;
};
/// Small, so that a gradient check crosses it.
template <>
struct Tile<double> {
  static constexpr int extent = 16, depth = 16, side = 2, threads = 64;
};

/// Grid: tiles of y (column tiles fastest: neighbors share the rows of a), then slices of `slice_depth`, a multiple of the tile's depth.
template <class A, class B, class Out>
__global__ void __launch_bounds__(Tile<typename A::Element>::threads)
    tile_product(A a, B b, Out out, int column_tiles, int depth, int slice_depth) {
  using T = typename A::Element;
  constexpr int extent = Tile<T>::extent, tile_depth = Tile<T>::depth, side = Tile<T>::side;
  constexpr int threads = Tile<T>::threads, across = extent / side;
  static_assert(threads == across * across, "a thread owns one square of the tile");
  using Numbers = Pack<T, side>;
  // Depth by depth, so that a thread's numbers of one depth lie side by side; the spare column spreads them over the banks.
  SHARED(Numbers, a_tile, [tile_depth][across + 1]);
  SHARED(Numbers, b_tile, [tile_depth][across + 1]);

  const int tile = static_cast<int>(blockIdx.x), slice = static_cast<int>(blockIdx.y);
  const int first_row = tile / column_tiles * extent, first_column = tile % column_tiles * extent;
  const Share<A, extent, tile_depth, threads> a_share(a, first_row);
  const Share<B, extent, tile_depth, threads> b_share(b, first_column);
  const int thread_row = static_cast<int>(threadIdx.x) / across, thread_column = static_cast<int>(threadIdx.x) % across;

  T sums[side][side] = {};
  const int begin = slice * slice_depth, end = depth - begin < slice_depth ? depth : begin + slice_depth;
  for (int first = begin; first < end; first += tile_depth) {
    a_share.each(first, [&](const T* from, int r, int d) { a_tile[d][r / side].values[r % side] = from ? *from : T{}; });
    b_share.each(first, [&](const T* from, int r, int d) { b_tile[d][r / side].values[r % side] = from ? *from : T{}; });
    __syncthreads();
#pragma unroll
    for (int d = 0; d < tile_depth; ++d) {
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
