#pragma once
// Operands and results of the GEMM y[r,c] = sum_k a(r,k) b(c,k). An operand is a functor from (row, k) to an address, so that the main loops
// (tile_gemm.h, tensor_core_gemm.h) treat a matrix, its transpose and the windows of a convolution alike.
//
//   struct Operand {
//     using Element = T;
//     using Row, K;                                   computed once per row, once per k
//     static constexpr Major major;                   the index that is contiguous in memory: K-major or MN-major
//     static constexpr int unit;                      this many neighbors along it exist together or not at all, 16 bytes aligned; or 1
//     Row row(int) const;  K k(int) const;            any index: also one past the end
//     const T* at(const Row&, const K&) const;        nullptr for a zero
//     const T* data;                                  an address that may be read
//   };

#include "tensor/cuda/runtime.h"

namespace tensor::cuda {

enum class Major { mn, k };

/// (row, k) at data[row * ks + k]; MN-major: at data[k * rows + row].
template <class T, Major major_, int unit_ = 1>
struct Matrix {
  using Element = T;
  using Row = int;
  using K = int;
  static constexpr Major major = major_;
  static constexpr int unit = unit_;

  const T* data;
  int rows, ks;

  __device__ Row row(int at) const { return at; }
  __device__ K k(int at) const { return at; }
  __device__ const T* at(Row r, K d) const {
    if (r >= rows || d >= ks) return nullptr;
    return data + (major == Major::k ? static_cast<int64_t>(r) * ks + d : static_cast<int64_t>(d) * rows + r);
  }
};

/// The epilogue's target: a result (slice, row, column), row-major.
template <class T>
struct RowsOut {
  T* data;
  int rows, columns;
  __device__ T* row(int slice, int at) const { return at < rows ? data + (static_cast<int64_t>(slice) * rows + at) * columns : nullptr; }
};

/// Stores values[0 .. N) at columns column, ... of a row, except beyond `columns`; nothing where `row` is nullptr.
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

/// A thread's share of copying tiles of `extent` rows x `tile_k` of an operand: neighboring threads take neighboring units, and every
/// thread keeps its rows (or its row) for the whole GEMM.
template <class Operand, int extent, int tile_k, int threads>
class Share {
  static constexpr bool k_major = Operand::major == Major::k;
  static constexpr int unit = Operand::unit;
  static constexpr int width = (k_major ? tile_k : extent) / unit;  // units of a contiguous line
  static constexpr int lines = threads / width;                     // copied by the block at once
  static constexpr int passes = (k_major ? extent : tile_k) / lines;
  static_assert(threads % width == 0 && (k_major ? extent : tile_k) % lines == 0, "threads must share a tile evenly");

 public:
  __device__ __forceinline__ Share(const Operand& operand, int first_row) : operand_(operand) {
#pragma unroll
    for (int i = 0; i < (k_major ? passes : 1); ++i) rows_[i] = operand.row(first_row + (k_major ? line(i) : within()));
  }

  /// copy(address or nullptr, row, k) for each of this thread's units in the tile that begins at first_k; row and k count within the tile.
  template <class Copy>
  __device__ __forceinline__ void each(int first_k, const Copy& copy) const {
    if constexpr (k_major) {
      const auto d = operand_.k(first_k + within());
#pragma unroll
      for (int i = 0; i < passes; ++i) copy(operand_.at(rows_[i], d), line(i), within());
    } else {
#pragma unroll
      for (int i = 0; i < passes; ++i) copy(operand_.at(rows_[0], operand_.k(first_k + line(i))), within(), line(i));
    }
  }

 private:
  __device__ static int within() { return static_cast<int>(threadIdx.x) % width * unit; }
  __device__ static int line(int pass) { return static_cast<int>(threadIdx.x) / width + pass * lines; }

  const Operand& operand_;
  typename Operand::Row rows_[k_major ? passes : 1];
};

}  // namespace tensor::cuda
