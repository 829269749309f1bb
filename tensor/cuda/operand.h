#pragma once
// What a product of matrices reads and writes: y[r,c] = sum_d a(r,d) b(c,d). An operand is a functor from (row, depth) to an address, so
// that a matrix, its transpose and the windows of a convolution are one thing to the main loops (tile_product.h, tensor_core_product.h).
//
//   struct Operand {
//     using Element = T;
//     using Row, Depth;                               what is computed once for a row, once for a depth
//     static constexpr Along along;                   the index that runs along memory
//     static constexpr int unit;                      so many neighbors along it exist together or not at all, 16 bytes aligned; or 1
//     Row row(int) const;  Depth depth(int) const;    any index: also one past the end
//     const T* at(const Row&, const Depth&) const;    nullptr for a zero
//     const T* data;                                  an address that may be read
//   };

#include "tensor/cuda/runtime.h"

namespace tensor::cuda {

enum class Along { row, depth };

/// (row, depth) at data[row * depths + depth]; with the rows along memory, at data[depth * rows + row].
template <class T, Along along_, int unit_ = 1>
struct Matrix {
  using Element = T;
  using Row = int;
  using Depth = int;
  static constexpr Along along = along_;
  static constexpr int unit = unit_;

  const T* data;
  int rows, depths;

  __device__ Row row(int at) const { return at; }
  __device__ Depth depth(int at) const { return at; }
  __device__ const T* at(Row r, Depth d) const {
    if (r >= rows || d >= depths) return nullptr;
    return data + (along == Along::depth ? static_cast<int64_t>(r) * depths + d : static_cast<int64_t>(d) * rows + r);
  }
};

/// A result (slice, row, column), row-major.
template <class T>
struct RowsOut {
  T* data;
  int rows, columns;
  __device__ T* row(int slice, int at) const { return at < rows ? data + (static_cast<int64_t>(slice) * rows + at) * columns : nullptr; }
};

/// Stores values[0 .. N) at columns column .. of a row, as far as there are so many; nothing where `row` is nullptr.
template <int N, class T, class Value>
__device__ __forceinline__ void store_columns(T* row, int column, int columns, const Value (&values)[N]) {
  if (row == nullptr || column >= columns) return;
  if (columns % N == 0) {
    Pack<T, N> pack;
#pragma unroll
    for (int i = 0; i < N; ++i) pack.values[i] = static_cast<T>(values[i]);
    *reinterpret_cast<Pack<T, N>*>(row + column) = pack;
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i)
      if (column + i < columns) row[column + i] = static_cast<T>(values[i]);
  }
}

/// A thread's share of the work of copying tiles of `extent` rows x `depth` of an operand: neighboring threads take neighboring units,
/// and every thread keeps its rows (or its row) for the whole product.
template <class Operand, int extent, int depth, int threads>
class Share {
  static constexpr bool by_depth = Operand::along == Along::depth;
  static constexpr int unit = Operand::unit;
  static constexpr int width = (by_depth ? depth : extent) / unit;  // units of a line in memory
  static constexpr int lines = threads / width;                     // that the block copies at once
  static constexpr int passes = (by_depth ? extent : depth) / lines;
  static_assert(threads % width == 0 && (by_depth ? extent : depth) % lines == 0, "threads must share a tile evenly");

 public:
  __device__ __forceinline__ Share(const Operand& operand, int first_row) : operand_(operand) {
#pragma unroll
    for (int i = 0; i < (by_depth ? passes : 1); ++i) rows_[i] = operand.row(first_row + (by_depth ? line(i) : within()));
  }

  /// copy(address or nullptr, row, depth) for each of this thread's units in the tile that begins at first_depth; row, depth are the
  /// tile's.
  template <class Copy>
  __device__ __forceinline__ void each(int first_depth, const Copy& copy) const {
    if constexpr (by_depth) {
      const auto d = operand_.depth(first_depth + within());
#pragma unroll
      for (int i = 0; i < passes; ++i) copy(operand_.at(rows_[i], d), line(i), within());
    } else {
#pragma unroll
      for (int i = 0; i < passes; ++i) copy(operand_.at(rows_[0], operand_.depth(first_depth + line(i))), within(), line(i));
    }
  }

 private:
  __device__ static int within() { return static_cast<int>(threadIdx.x) % width * unit; }
  __device__ static int line(int pass) { return static_cast<int>(threadIdx.x) / width + pass * lines; }

  const Operand& operand_;
  typename Operand::Row rows_[by_depth ? passes : 1];
};

}  // namespace tensor::cuda
