#pragma once
// maths    y[r,c] = sum_k a(r,k) b(c,k), k of one slice of K; operands and result are functors (operand.h)
// shapes   bf16 operands; a block of 4 warps owns a 64 x 64 tile of y, a warp 32 x 32 of it as 2 x 4 products of m16n8k16
// cost     as tile_gemm.h; per 32 of k a warp issues 16 mma and 8 ldmatrix, and a thread starts 4 copies of 16 bytes
// parallel a block owns one tile of one slice. Three stages of cp.async: while one tile is multiplied, the next two are being copied,
//          bypassing the registers; one barrier per tile
// numerics products are exact, sums are f32; the tensor cores' rounding inside a sum of 16 is not specified
#include "tensor/cuda/primitives.h"
#include "tensor/cuda/tile_gemm.h"

namespace tensor::cuda {

template <>
struct Tile<bfloat16> {
  static constexpr int extent = 64, k = 32, stages = 3, warp_extent = 32, threads = 128;
};

/// 16 bytes: eight bf16. (A bfloat16 has a default value, so shared memory cannot hold an array of them.)
using Chunk = Pack<uint32_t, 4>;

/// A tile in shared memory: lines along the operand's contiguous index. Each line has a spare chunk, so that the eight lines of a matrix
/// load use eight different groups of banks: pitches of 80 and 144 bytes are 5 and 9 times 16, both odd.
template <Major major>
struct TileLayout {
  static constexpr bool k_major = major == Major::k;
  static constexpr int lines = k_major ? Tile<bfloat16>::extent : Tile<bfloat16>::k;
  static constexpr int pitch = (k_major ? Tile<bfloat16>::k : Tile<bfloat16>::extent) / 8 + 1;  // chunks

  __device__ static Chunk* chunk(Chunk* tile, int row, int k) { return tile + (k_major ? row * pitch + k / 8 : k * pitch + row / 8); }
};

/// Starts copying the tile at first_k; an operand with unit 1 is copied element by element.
template <class Operand, class Share>
__device__ __forceinline__ void copy_tile(const Operand& operand, const Share& share, int first_k, Chunk* tile) {
  using Layout = TileLayout<Operand::major>;
  share.each(first_k, [&](const bfloat16* from, int row, int k) {
    if constexpr (Operand::unit == 8) {
      cp_async<16>(Layout::chunk(tile, row, k), from ? from : operand.data, from != nullptr);
    } else {
      bfloat16* elements = reinterpret_cast<bfloat16*>(Layout::chunk(tile, row, k));
      elements[(Layout::k_major ? k : row) % 8] = from ? *from : bfloat16(0.0f);
    }
  });
}

/// 16 rows x 16 k for the tensor cores: [0] rows 0-7, [1] rows 8-15 of the first eight k, [2] and [3] of the others. An MN-major tile holds
/// the transposed matrix, which the load transposes back.
template <Major major>
__device__ __forceinline__ void load_fragment(uint32_t (&fragment)[4], Chunk* tile, int row, int k) {
  using Layout = TileLayout<major>;
  const int lane = static_cast<int>(threadIdx.x) % 32, matrix = lane / 8, line = lane % 8;
  const int matrix_row = row + matrix % 2 * 8, matrix_k = k + matrix / 2 * 8;
  if constexpr (Layout::k_major)
    ldmatrix_x4(fragment, Layout::chunk(tile, matrix_row + line, matrix_k));
  else
    ldmatrix_x4_transposed(fragment, Layout::chunk(tile, matrix_row, matrix_k + line));
}

/// Grid: as tile_gemm's.
template <class A, class B, class Out>
__global__ void __launch_bounds__(Tile<bfloat16>::threads, A::unit == 8 ? 4 : 3)
    tensor_core_gemm(A a, B b, Out out, int column_tiles, int ks, int slice_k) {
  constexpr int extent = Tile<bfloat16>::extent, tile_k = Tile<bfloat16>::k, stages = Tile<bfloat16>::stages;
  constexpr int warp_extent = Tile<bfloat16>::warp_extent, threads = Tile<bfloat16>::threads;
  constexpr int high = warp_extent / 16, wide = warp_extent / 8;
  using LayoutA = TileLayout<A::major>;
  using LayoutB = TileLayout<B::major>;
  SHARED(Chunk, a_tiles, [stages][LayoutA::lines * LayoutA::pitch]);
  SHARED(Chunk, b_tiles, [stages][LayoutB::lines * LayoutB::pitch]);

  const int tile = static_cast<int>(blockIdx.x), slice = static_cast<int>(blockIdx.y);
  const int first_row = tile / column_tiles * extent, first_column = tile % column_tiles * extent;
  const Share<A, extent, tile_k, threads> a_share(a, first_row);
  const Share<B, extent, tile_k, threads> b_share(b, first_column);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int warp_row = warp / 2 * warp_extent, warp_column = warp % 2 * warp_extent;

  const int begin = slice * slice_k, end = ks - begin < slice_k ? ks : begin + slice_k;
  const auto start_copy = [&](int first, int stage) {
    if (first < end) {
      copy_tile(a, a_share, first, a_tiles[stage]);
      copy_tile(b, b_share, first, b_tiles[stage]);
    }
    cp_async_commit();  // also an empty group, because cp_async_wait counts groups
  };
#pragma unroll
  for (int stage = 0; stage < stages - 1; ++stage) start_copy(begin + stage * tile_k, stage);

  float sums[high][wide][4] = {};
  int stage = 0;
  for (int first = begin; first < end; first += tile_k) {
    cp_async_wait<stages - 2>();
    // All threads' copies of this tile have landed, and no thread still reads the stage that is filled next.
    __syncthreads();
    start_copy(first + (stages - 1) * tile_k, stage == 0 ? stages - 1 : stage - 1);
#pragma unroll
    for (int d = 0; d < tile_k; d += 16) {
      uint32_t left[high][4], right[wide / 2][4];
#pragma unroll
      for (int i = 0; i < high; ++i) load_fragment<A::major>(left[i], a_tiles[stage], warp_row + 16 * i, d);
#pragma unroll
      for (int j = 0; j < wide / 2; ++j) load_fragment<B::major>(right[j], b_tiles[stage], warp_column + 16 * j, d);
#pragma unroll
      for (int i = 0; i < high; ++i)
#pragma unroll
        for (int j = 0; j < wide; ++j) mma_m16n8k16(sums[i][j], left[i], {right[j / 2][j % 2], right[j / 2][j % 2 + 2]});
    }
    stage = stage + 1 == stages ? 0 : stage + 1;
  }
  cp_async_wait<0>();

#pragma unroll
  for (int i = 0; i < high; ++i)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      auto* row = out.row(slice, first_row + warp_row + 16 * i + 8 * half + lane / 4);
#pragma unroll
      for (int j = 0; j < wide; ++j) {
        const float pair[2] = {sums[i][j][2 * half], sums[i][j][2 * half + 1]};
        store_columns(row, first_column + warp_column + 8 * j + lane % 4 * 2, out.columns, pair);
      }
    }
}

}  // namespace tensor::cuda
