// maths    values[r,0..k) = the k largest (smallest) of x[r,:] in order, indices their columns
// shapes   x (.., C) -> values, indices (.., k); f32 and f64
// cost     k comparisons per element: each round reads the row, from cache, and takes the first of what stands after the round before;
//          no scratch. Meant for small k
// parallel a team of neighboring threads owns a row, its first thread writes: no two write one place
// numerics exact; equal values in order of their index, NaN after all numbers

#include "tensor/cuda/runtime.h"

#include <cmath>

#include "tensor/ops/matrix_view.h"
#include "tensor/ops/row_teams.h"
#include "tensor/ops/topk.h"

namespace tensor::ops::cuda {
namespace {

constexpr int threads = RowTeams::threads;

/// The element that stands first. Where none is held the index is -1.
template <class T, Order order>
struct First {
  struct Part {
    T value;
    int64_t index;
  };
  __device__ static Part none() { return {T(0), -1}; }
  /// A total order of the elements of a row.
  __device__ static bool before(const Part& a, const Part& b) {
    const bool a_is_nan = a.value != a.value, b_is_nan = b.value != b.value;
    if (a_is_nan || b_is_nan) return a_is_nan == b_is_nan ? a.index < b.index : b_is_nan;
    if (a.value == b.value) return a.index < b.index;
    return order == Order::largest ? a.value > b.value : a.value < b.value;
  }
  __device__ static void join(Part& part, const Part& other) {
    if (other.index >= 0 && (part.index < 0 || before(other, part))) part = other;
  }
  __device__ static Part from_lane_below(const Part& part, int lanes, int width) {
    return {__shfl_down_sync(all_lanes, part.value, lanes, width), __shfl_down_sync(all_lanes, part.index, lanes, width)};
  }
  __device__ static Part from_first_lane(const Part& part, int width) {
    return {__shfl_sync(all_lanes, part.value, 0, width), __shfl_sync(all_lanes, part.index, 0, width)};
  }
};

template <class T, Order order>
__global__ void __launch_bounds__(threads) topk_rows(const T* x, RowTeams teams, int64_t k, T* values, int64_t* indices) {
  using Gather = First<T, order>;
  const T* row = x + teams.row() * teams.columns;
  auto last = Gather::none();
  for (int64_t i = 0; i < k; ++i) {
    auto part = Gather::none();
    for (int64_t c = teams.first(); c < teams.end(); c += teams.width)
      if (last.index < 0 || Gather::before(last, {row[c], c})) Gather::join(part, {row[c], c});
    last = teams.template join<Gather>(part);
    if (!teams.writes()) continue;
    values[teams.row() * k + i] = last.value;
    indices[teams.row() * k + i] = last.index;
  }
}

}  // namespace

TopkResult topk(const Tensor& x, int64_t k, Order order) {
  const auto [rows, columns] = as_matrix(x);
  TopkResult result = empty_topk(x, k);
  if (rows == 0) return result;
  const RowTeams teams(rows, columns);
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    tensor::cuda::launch(order == Order::largest ? topk_rows<T, Order::largest> : topk_rows<T, Order::smallest>, teams.grid(), threads, 0,
                         tensor::cuda::stream_of(x.device()), x.data<T>(), teams, k, result.values.data<T>(),
                         result.indices.data<int64_t>());
  });
  return result;
}

}  // namespace tensor::ops::cuda
