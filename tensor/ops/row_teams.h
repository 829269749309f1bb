#pragma once
// How kernels walk along the rows of a matrix of rows x channels: for CUDA sources, after tensor/cuda/runtime.h.

#include <cmath>

#include "tensor/cuda/runtime.h"
#include "tensor/math.h"

namespace tensor::ops::cuda {

constexpr unsigned all_lanes = 0xffffffffu;

// A reduction along a row: its start, one element, the join of two parts, a move between lanes, its result.
struct Sum {
  using Part = double;
  __device__ static Part none() { return 0; }
  template <class T>
  __device__ static void take(Part& part, T value, int64_t) {
    part += static_cast<double>(value);
  }
  __device__ static void join(Part& part, const Part& other) { part += other; }
  __device__ static Part from_lane_below(const Part& part, int lanes, int width) { return __shfl_down_sync(all_lanes, part, lanes, width); }
  __device__ static Part from_first_lane(const Part& part, int width) { return __shfl_sync(all_lanes, part, 0, width); }
  template <class Out>
  __device__ static void finish(const Part& part, double divisor, Out* out) {
    *out = static_cast<Out>(part / divisor);
  }
};

/// The largest value and its first index, in any order of joining: NaN is above every number, and of equals the lower index counts.
template <class T>
struct Largest {
  struct Part {
    T value;
    int64_t index;
  };
  __device__ static Part none() { return {-static_cast<T>(INFINITY), INT64_MAX}; }
  __device__ static void take(Part& part, T value, int64_t index) { join(part, {value, index}); }
  __device__ static void join(Part& part, const Part& other) {
    const bool part_is_nan = part.value != part.value, other_is_nan = other.value != other.value;
    const bool equal = part.value == other.value || (part_is_nan && other_is_nan);
    const bool above = other_is_nan ? !part_is_nan : other.value > part.value;
    if (above || (equal && other.index < part.index)) part = other;
  }
  __device__ static Part from_lane_below(const Part& part, int lanes, int width) {
    return {__shfl_down_sync(all_lanes, part.value, lanes, width), __shfl_down_sync(all_lanes, part.index, lanes, width)};
  }
  __device__ static Part from_first_lane(const Part& part, int width) {
    return {__shfl_sync(all_lanes, part.value, 0, width), __shfl_sync(all_lanes, part.index, 0, width)};
  }
  __device__ static void finish(const Part& part, double, T* out) { *out = part.value; }
  __device__ static void finish(const Part& part, double, int64_t* out) { *out = part.index; }
};

/// Joins the parts of `width` neighboring lanes in the first of them.
template <class Gather>
__device__ typename Gather::Part join_lanes(typename Gather::Part part, int width) {
  for (int lanes = width / 2; lanes > 0; lanes /= 2) Gather::join(part, Gather::from_lane_below(part, lanes, width));
  return part;
}

/// Joins the parts of a block of `threads` in its first warp's first lane, by one tree for every run.
template <class Gather, int threads>
__device__ typename Gather::Part join_block(typename Gather::Part part) {
  using Part = typename Gather::Part;
  constexpr int warps = threads / 32;
  SHARED(Part, parts, [warps]);
  part = join_lanes<Gather>(part, 32);
  __syncthreads();  // the parts of the call before may still be read
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = part;
  __syncthreads();
  if (threadIdx.x >= 32) return part;
  return join_lanes<Gather>(threadIdx.x < warps ? parts[threadIdx.x] : Gather::none(), 32);
}

/// Rows, each owned by a team: as many lanes of a warp as the row is long, or a block for a long row. Every thread of a block calls
/// every sum and maximum, also beyond the last row; all threads of a team get the result.
struct RowTeams {
  static constexpr int threads = 256;
  /// For launch bounds: leaves a thread up to 128 registers. Left to itself nvcc keeps an exp in f64 to 48, and spills.
  static constexpr int least_blocks = 2;
  static constexpr int64_t longest_row_of_a_warp = 1024;

  int64_t rows, columns;
  int width = 32;  // threads of a team

  RowTeams(int64_t rows_, int64_t columns_) : rows(rows_), columns(columns_) {
    if (columns > longest_row_of_a_warp) width = threads;
    while (width <= 32 && width > 1 && width / 2 >= columns) width /= 2;
  }
  tensor::cuda::Grid grid(const char* file = __builtin_FILE(), int line = __builtin_LINE()) const {
    return {ceil_div(rows, threads / width), 1, 1, file, line};
  }

  __device__ int64_t row() const { return int64_t{blockIdx.x} * (threads / width) + threadIdx.x / width; }
  __device__ int64_t first() const { return threadIdx.x % width; }
  /// Columns first(), first() + width, .. below end() are this thread's; beyond the last row it has none.
  __device__ int64_t end() const { return row() < rows ? columns : 0; }
  /// True for the one thread of each row that writes the row's result.
  __device__ bool writes() const { return first() == 0 && row() < rows; }

  template <class Gather>
  __device__ typename Gather::Part join(typename Gather::Part part) const {
    using Part = typename Gather::Part;
    if (width <= 32) return Gather::from_first_lane(join_lanes<Gather>(part, width), width);
    SHARED(Part, joined, [1]);
    part = join_block<Gather, threads>(part);
    if (threadIdx.x == 0) joined[0] = part;
    __syncthreads();
    return joined[0];  // the next call writes it after two more barriers
  }

  /// sum_c value(c) over this team's row.
  template <class Value>
  __device__ double sum(const Value& value) const {
    double part = 0;
    for (int64_t c = first(); c < end(); c += width) part += static_cast<double>(value(c));
    return join<Sum>(part);
  }

  /// max_c row[c], NaN above every number.
  template <class T>
  __device__ T maximum(const T* row) const {
    auto part = Largest<T>::none();
    for (int64_t c = first(); c < end(); c += width) Largest<T>::take(part, row[c], c);
    return join<Largest<T>>(part).value;
  }
};

}  // namespace tensor::ops::cuda
