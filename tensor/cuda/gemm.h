#pragma once
// Launches a GEMM of operands (operand.h) on the main loop for their dtype: bf16 on the tensor cores, f32 and f64 in registers.

#include <algorithm>

#include "tensor/cuda/tensor_core_gemm.h"
#include "tensor/cuda/tile_gemm.h"
#include "tensor/math.h"

namespace tensor::cuda {

/// The count as an int, as kernels use it, with room for the rest of a tile. Error: it is too large.
inline int index_extent(int64_t count, const char* what) {
  CHECK(count <= (int64_t{1} << 31) - 256, "{}: {} elements exceed a kernel's 32-bit index; split the batch", what, count);
  return static_cast<int>(count);
}

/// Split-K: how K is cut into slices, by shape alone, so that a result has the same bits every time.
struct SplitK {
  int64_t count, k;  // slices; k of each, a multiple of the tile's
};

/// K is split where the tiles of y alone would leave a large device idle: about 256 blocks in all, each at least 512 k long. So the partial
/// results are at most 256 tiles: 4 MB in f32, half a MB in f64.
template <class T>
SplitK split_k_of(int64_t rows, int64_t columns, int64_t k) {
  constexpr int64_t extent = Tile<T>::extent, tile_k = Tile<T>::k;
  const int64_t tiles = std::max<int64_t>(1, ceil_div(rows, extent) * ceil_div(columns, extent));
  const int64_t wanted = std::clamp<int64_t>(k / 512, 1, std::max<int64_t>(1, 256 / tiles));
  const int64_t slice = std::max(tile_k, round_up(ceil_div(k, wanted), tile_k));
  return {std::max<int64_t>(1, ceil_div(k, slice)), slice};
}

/// out = a b^T, `rows` x out.columns; slice s of K writes out's slice s.
template <class A, class B, class Out>
void launch_gemm(const A& a, const B& b, const Out& out, int rows, int k, const SplitK& slices, Device device) {
  using T = typename A::Element;
  static_assert(std::is_same_v<T, typename B::Element>, "both operands have one type");
  constexpr int64_t extent = Tile<T>::extent;
  const int64_t row_tiles = ceil_div(rows, extent), column_tiles = ceil_div(out.columns, extent);
  if (row_tiles * column_tiles == 0) return;
  if constexpr (std::is_same_v<T, bfloat16>)
    launch(tensor_core_gemm<A, B, Out>, {row_tiles * column_tiles, slices.count}, Tile<T>::threads, 0, stream_of(device), a, b, out,
           static_cast<int>(column_tiles), k, static_cast<int>(slices.k));
  else
    launch(tile_gemm<A, B, Out>, {row_tiles * column_tiles, slices.count}, Tile<T>::threads, 0, stream_of(device), a, b, out,
           static_cast<int>(column_tiles), k, static_cast<int>(slices.k));
}

/// y[i] = sum_s partial[s, i], in order of s.
template <class T>
__global__ void __launch_bounds__(256) add_slices(const T* partial, T* y, int64_t count, int slices) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
  if (i >= count) return;
  T sum = partial[i];
  for (int slice = 1; slice < slices; ++slice) sum += partial[slice * count + i];
  y[i] = sum;
}

/// y = a b^T, (rows, columns) in T. The slices of K are summed in parallel, then added in order.
template <class T, class A, class B>
void gemm_split_k(const A& a, const B& b, int rows, int columns, int k, Tensor& y) {
  const SplitK slices = split_k_of<typename A::Element>(rows, columns, k);
  const int64_t count = static_cast<int64_t>(rows) * columns;
  Tensor partial = slices.count == 1 ? y : Tensor({slices.count, count}, dtype_of<T>(), y.device());
  launch_gemm(a, b, RowsOut<T>{partial.data<T>(), rows, columns}, rows, k, slices, y.device());
  if (slices.count > 1)
    launch(add_slices<T>, (count + 255) / 256, 256, 0, stream_of(y.device()), partial.data<T>(), y.data<T>(), count,
           static_cast<int>(slices.count));
}

}  // namespace tensor::cuda
