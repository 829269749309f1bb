// cost     as in reduce.h; scratch 8 bytes per slice and column (sum(x, 0)) or per 8192 elements (sum, mean)
// parallel a row belongs to some lanes of a warp or to one block, a slice of a column to one block; partial results go to their own place
//          and are added by a second launch, so no two threads write one address
// numerics sums in double in a tree that the shape alone decides, one rounding to T

#include "tensor/cuda/runtime.h"

#include <algorithm>

#include "tensor/math.h"
#include "tensor/ops/column_tiles.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/row_teams.h"
#include "tensor/ops/staircase.h"

namespace tensor::ops::cuda {
namespace {

using tensor::cuda::launch;
using tensor::cuda::stream_of;

constexpr int threads = 256;
constexpr int64_t slice_elements = 8192;  // of a sum over everything, for one block

// Step 1.
template <class Gather, class T, class Out>
__global__ void __launch_bounds__(threads) row_by_thread(const T* x, int64_t rows, int64_t columns, double divisor, Out* out) {
  const int64_t row = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (row >= rows) return;
  auto part = Gather::none();
  for (int64_t c = 0; c < columns; ++c) Gather::take(part, x[row * columns + c], c);
  Gather::finish(part, divisor, out + row);
}

// Step 2.
template <class Gather, class T, class Out>
__global__ void __launch_bounds__(threads) row_by_block_tree(const T* x, int64_t columns, double divisor, Out* out) {
  using Part = typename Gather::Part;
  SHARED(Part, parts, [threads]);
  const T* row = x + blockIdx.x * columns;
  Part part = Gather::none();
  for (int64_t c = threadIdx.x; c < columns; c += threads) Gather::take(part, row[c], c);
  parts[threadIdx.x] = part;
  for (unsigned half = threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) Gather::join(parts[threadIdx.x], parts[threadIdx.x + half]);
  }
  if (threadIdx.x == 0) Gather::finish(parts[0], divisor, out + blockIdx.x);
}

// Steps 3 and 4. All lanes shuffle, those beyond the last row too: a lane that left would have nothing to give.
template <class Gather, class T, class Out>
__global__ void __launch_bounds__(threads) row_by_lanes(const T* x, int64_t rows, int64_t columns, int width, double divisor, Out* out) {
  const int64_t row = int64_t{blockIdx.x} * (threads / width) + threadIdx.x / width;
  const int lane = static_cast<int>(threadIdx.x) % width;
  auto part = Gather::none();
  if (row < rows)
    for (int64_t c = lane; c < columns; c += width) Gather::take(part, x[row * columns + c], c);
  part = join_lanes<Gather>(part, width);
  if (lane == 0 && row < rows) Gather::finish(part, divisor, out + row);
}

// Step 4, long rows. Row b is elements b * columns to at most n: the last row of a sum over everything is shorter.
template <class Gather, class T, class Out>
__global__ void __launch_bounds__(threads) row_by_block(const T* x, int64_t n, int64_t columns, double divisor, Out* out) {
  const int64_t begin = blockIdx.x * columns, length = begin + columns < n ? columns : n - begin;
  auto part = Gather::none();
  for (int64_t c = threadIdx.x; c < length; c += threads) Gather::take(part, x[begin + c], c);
  part = join_block<Gather, threads>(part);
  if (threadIdx.x == 0) Gather::finish(part, divisor, out + blockIdx.x);
}

// A column by a thread, and by a block for each slice of its rows.
template <class T>
__global__ void __launch_bounds__(threads) column_by_thread(const T* x, int64_t rows, int64_t columns, T* out) {
  const int64_t column = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (column >= columns) return;
  double sum = 0;
  for (int64_t r = 0; r < rows; ++r) sum += static_cast<double>(x[r * columns + column]);
  out[column] = static_cast<T>(sum);
}

template <class In, class Out>
__global__ void __launch_bounds__(ColumnTiles::threads) column_slices(const In* x, ColumnTiles tiles, Out* out) {
  double sum = 0;
  for (int64_t r = tiles.begin(); r < tiles.end(); r += tiles.step()) sum += static_cast<double>(x[r * tiles.columns + tiles.column()]);
  sum = sum_of_column(sum, tiles.width);
  if (tiles.writes()) out[blockIdx.y * tiles.columns + tiles.column()] = static_cast<Out>(sum);
}

enum class Step { thread_per_row, shared_tree, warp_per_row, fitting };

template <class Gather, class T, class Out>
void reduce_rows(Step step, const T* x, int64_t rows, int64_t columns, Out* out, Device device) {
  if (rows == 0) return;
  const auto stream = stream_of(device);
  if (step == Step::thread_per_row)
    return launch(row_by_thread<Gather, T, Out>, ceil_div(rows, threads), threads, 0, stream, x, rows, columns, 1.0, out);
  if (step == Step::shared_tree) return launch(row_by_block_tree<Gather, T, Out>, rows, threads, 0, stream, x, columns, 1.0, out);
  if (step == Step::fitting && columns > RowTeams::longest_row_of_a_warp)
    return launch(row_by_block<Gather, T, Out>, rows, threads, 0, stream, x, rows * columns, columns, 1.0, out);
  int width = 32;
  while (step == Step::fitting && width / 2 >= std::max<int64_t>(1, columns)) width /= 2;
  launch(row_by_lanes<Gather, T, Out>, ceil_div(rows, threads / width), threads, 0, stream, x, rows, columns, width, 1.0, out);
}

Tensor sum_last_by(Step step, const Tensor& x) {
  const auto [rows, columns] = as_matrix(x);
  Tensor y(without_last_axis(x.shape()), x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    reduce_rows<Sum>(step, x.data<T>(), rows, columns, y.data<T>(), x.device());
  });
  return y;
}

/// sum / divisor, as a scalar.
Tensor total(const Tensor& x, double divisor, int64_t slice) {
  Tensor y({}, x.dtype(), x.device());
  const int64_t n = x.numel(), slices = std::max<int64_t>(1, ceil_div(n, slice));
  const auto stream = stream_of(x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (slices == 1) return launch(row_by_block<Sum, T, T>, 1, threads, 0, stream, x.data<T>(), n, n, divisor, y.data<T>());
    Tensor partial({slices}, Dtype::f64, x.device());
    double* sums = partial.data<double>();
    launch(row_by_block<Sum, T, double>, slices, threads, 0, stream, x.data<T>(), n, slice, 1.0, sums);
    launch(row_by_block<Sum, double, T>, 1, threads, 0, stream, sums, slices, slices, divisor, y.data<T>());
  });
  return y;
}

}  // namespace

namespace steps {

Tensor sum_last_thread_per_row(const Tensor& x) { return sum_last_by(Step::thread_per_row, x); }
Tensor sum_last_shared_tree(const Tensor& x) { return sum_last_by(Step::shared_tree, x); }
Tensor sum_last_warp_per_row(const Tensor& x) { return sum_last_by(Step::warp_per_row, x); }

Tensor sum_first_thread_per_column(const Tensor& x) {
  const auto [rows, columns] = first_axis_as_rows(x);
  Tensor y(without_first_axis(x.shape()), x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    if (columns > 0)
      launch(column_by_thread<T>, ceil_div(columns, threads), threads, 0, stream_of(x.device()), x.data<T>(), rows, columns, y.data<T>());
  });
  return y;
}

Tensor sum_one_block(const Tensor& x) { return total(x, 1, std::max<int64_t>(1, x.numel())); }

}  // namespace steps

Tensor sum(const Tensor& x) { return total(x, 1, slice_elements); }
Tensor mean(const Tensor& x) { return total(x, static_cast<double>(x.numel()), slice_elements); }

namespace {

Tensor sum_first(const Tensor& x) {
  const auto [rows, columns] = first_axis_as_rows(x);
  Tensor y(without_first_axis(x.shape()), x.dtype(), x.device());
  if (columns == 1) return sum(x).reshape(y.shape());
  if (columns == 0) return y;
  const ColumnTiles tiles(rows, columns);
  const auto stream = stream_of(x.device());
  dispatch_floating(x.dtype(), [&, columns = columns](auto zero) {
    using T = decltype(zero);
    if (tiles.slices == 1)
      return launch(column_slices<T, T>, tiles.grid(), ColumnTiles::threads, 0, stream, x.data<T>(), tiles, y.data<T>());
    Tensor partial({tiles.slices, columns}, Dtype::f64, x.device());
    double* sums = partial.data<double>();
    launch(column_slices<T, double>, tiles.grid(), ColumnTiles::threads, 0, stream, x.data<T>(), tiles, sums);
    const ColumnTiles rest(tiles.slices, columns, true);
    launch(column_slices<double, T>, rest.grid(), ColumnTiles::threads, 0, stream, sums, rest, y.data<T>());
  });
  return y;
}

}  // namespace

Tensor sum(const Tensor& x, int axis) { return axis == 0 ? sum_first(x) : sum_last_by(Step::fitting, x); }

Tensor argmax(const Tensor& x) {
  const auto [rows, columns] = as_matrix(x);
  Tensor y(without_last_axis(x.shape()), Dtype::i64, x.device());
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    reduce_rows<Largest<T>>(Step::fitting, x.data<T>(), rows, columns, y.data<int64_t>(), x.device());
  });
  return y;
}

}  // namespace tensor::ops::cuda
