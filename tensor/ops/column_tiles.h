#pragma once
// How kernels walk down the columns of a matrix of rows x channels: for CUDA sources, after tensor/cuda/runtime.h.

#include <algorithm>

#include "tensor/cuda/runtime.h"
#include "tensor/math.h"
#include "tensor/ops/matrix_view.h"

namespace tensor::ops::cuda {

/// The matrix cut into tiles by its shape alone. A block owns one tile: `width` neighboring columns, so that a warp reads contiguous
/// memory, and one slice of the rows. A thread stays in its column and takes every step()-th row, so that the values of a channel are
/// read once and no element is divided to find its channel.
struct ColumnTiles {
  static constexpr int threads = 256;
  static constexpr int64_t wanted_blocks = 1024;  // several for each multiprocessor of a large device
  static constexpr int64_t least_steps = 8;       // rows of one thread; fewer would not pay for the addition of its partial sum

  int64_t rows, columns, slice_rows, slices, tiles;
  int width = 1;  // a power of two

  ColumnTiles(int64_t rows_, int64_t columns_, bool one_slice = false) : rows(rows_), columns(columns_) {
    while (width < 32 && width < columns) width *= 2;
    tiles = ceil_div(columns, width);
    const int64_t least_rows = least_steps * threads / width, most_slices = ceil_div(rows, least_rows);
    slices = one_slice || tiles == 0 ? 1 : std::clamp<int64_t>(wanted_blocks / tiles, 1, std::max<int64_t>(1, most_slices));
    slice_rows = std::max<int64_t>(1, ceil_div(rows, slices));
    slices = std::max<int64_t>(1, ceil_div(rows, slice_rows));  // none of them empty
  }
  tensor::cuda::Grid grid(const char* file = __builtin_FILE(), int line = __builtin_LINE()) const { return {tiles, slices, 1, file, line}; }

  __device__ int64_t column() const { return int64_t{blockIdx.x} * width + threadIdx.x % width; }
  __device__ bool has_column() const { return column() < columns; }
  __device__ int64_t step() const { return threads / width; }
  __device__ int64_t slice_begin() const { return int64_t{blockIdx.y} * slice_rows; }
  __device__ int64_t begin() const { return slice_begin() + threadIdx.x / width; }
  /// A thread beyond the last column has no rows. It still comes to every barrier.
  __device__ int64_t end() const { return has_column() ? slice_end() : 0; }
  __device__ int64_t slice_end() const { return rows - slice_begin() < slice_rows ? rows : slice_begin() + slice_rows; }
  /// True for the one thread of each column that writes the column's result.
  __device__ bool writes() const { return threadIdx.x < static_cast<unsigned>(width) && has_column(); }
};

/// The sum of the values that the threads of one column hold, for each of them: a tree over shared memory, the same for every run.
__device__ inline double sum_of_column(double value, int width) {
  SHARED(double, sums, [ColumnTiles::threads]);
  __syncthreads();  // the sums of the call before may still be read
  sums[threadIdx.x] = value;
  for (unsigned half = ColumnTiles::threads / 2; half >= static_cast<unsigned>(width); half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  __syncthreads();
  return sums[threadIdx.x % width];
}

template <class Function>
__global__ void __launch_bounds__(ColumnTiles::threads) each_element(ColumnTiles tiles, Function function) {
  for (int64_t r = tiles.begin(); r < tiles.end(); r += tiles.step()) function(r, tiles.column());
}

/// function(row, column) by one thread for each element of rows x columns. The functor holds the pointers that it reads and writes.
template <class Function>
void for_each_element(int64_t rows, int64_t columns, Device device, const Function& function, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  if (rows == 0 || columns == 0) return;
  const ColumnTiles tiles(rows, columns);
  tensor::cuda::launch(each_element<Function>, tiles.grid(file, line), ColumnTiles::threads, 0, tensor::cuda::stream_of(device), tiles,
                       function);
}

/// The same for each element of y, seen as rows x channels.
template <class Function>
void for_each_element(const Tensor& y, const Function& function, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  const auto [rows, columns] = as_matrix(y);
  for_each_element(rows, columns, y.device(), function, file, line);
}

}  // namespace tensor::ops::cuda
