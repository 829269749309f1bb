// maths    GEMM in register tiles (gemm.inl). A tile reads some rows of A and a panel of B, two vectors wide; both are packed in reading
//          order: B once for all blocks, A once per block where y is wide enough to reuse it. A transposition exchanges two strides
// cost     scratch: about 1 MB of packed B (256 of its rows, if they are longer), and per thread a packed block of A, at most 200 KB in f32
// parallel a thread owns a block of y; the shapes alone decide the blocks: no race, the same bits for any number of threads
// numerics sums in the tensors' dtype, in pieces of at most 256 products that are added in order
#include "tensor/ops/matmul.h"

#include <algorithm>
#include <cstring>

#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/parallel.h"

namespace tensor::ops::cpu {

/// A(m, k) = a[m * a_row + k * a_column], B(k, n) = b[k * b_row + n * b_column].
template <class T>
struct MatmulProblem {
  int64_t m, k, n;
  const T* a;
  int64_t a_row, a_column;
  const T* b;
  int64_t b_row, b_column;
  T* y;
};
/// A block of y.
struct MatmulBlock {
  int64_t row, rows, column, columns;
};

/// The kernels of one instruction set, for tiles of `rows` x `width`. Both work on the slice k, ..., k + depth - 1 of K.
template <class T>
struct MatmulKernels {
  int64_t rows, width;
  int64_t depth;  // the longest slice of K
  /// Packs B in panels of `width` columns; a panel is `depth` rows of `width` numbers.
  void (*pack_b)(const MatmulProblem<T>&, int64_t k, int64_t depth, int64_t first_column, int64_t columns, T* panels);
  /// Adds to a block of y (k = 0: writes it). `panels`: B of its columns. `scratch` takes its rows of A, packed; nullptr: A is read in place.
  void (*multiply)(const MatmulProblem<T>&, int64_t k, int64_t depth, const MatmulBlock&, const T* panels, T* scratch);
};

#define KERNEL_FILE "tensor/ops/matmul_kernel.inl"
#include "tensor/for_each_isa.h"

namespace {

constexpr int64_t block_rows = 192, enough_blocks = 12;  // packed rows of A stay in the L2 cache while all panels are multiplied
constexpr int64_t packed_bytes = 1 << 20;                // of B at once; they stay in the L3 cache
constexpr int64_t packed_panels = 16;                    // packed by one thread at once
constexpr int64_t least_packed_width = 128;              // columns; a narrower block reuses A too little to pay for its packing

template <class T>
void multiply_all(const MatmulProblem<T>& problem) {
  const MatmulKernels<T> kernels = SELECT_ISA(matmul_kernels<T>)();
  const int64_t m = problem.m, k = problem.k, n = problem.n;
  // K is cut into pieces of equal length; a few pieces of B are packed at once.
  const int64_t depth = ceil_div(k, ceil_div(k, kernels.depth));
  const int64_t panels = ceil_div(n, kernels.width), padded_n = panels * kernels.width;
  const int64_t pieces_at_once = std::max<int64_t>(1, packed_bytes / (depth * padded_n * static_cast<int64_t>(sizeof(T))));
  const int64_t step = std::min(k, pieces_at_once * depth);
  const int64_t group = packed_panels * kernels.width, groups = ceil_div(n, group);
  Tensor packed({step * padded_n}, dtype_of<T>());

  // Blocks of rows. Where these are few, they are shorter and the panels are cut into ranges.
  const int64_t longest = m >= enough_blocks * block_rows ? block_rows : block_rows / 2;
  const int64_t rows = ceil_div(ceil_div(m, ceil_div(m, longest)), kernels.rows) * kernels.rows;
  const int64_t row_blocks = ceil_div(m, rows);
  const int64_t range = ceil_div(panels, std::min(panels, ceil_div(enough_blocks, row_blocks))) * kernels.width;
  const int64_t ranges = ceil_div(n, range);
  const bool packs_a = range >= least_packed_width;
  Tensor scratch({num_threads(), packs_a ? rows * depth : 0}, dtype_of<T>());
  T *packed_data = packed.data<T>(), *scratch_data = scratch.data<T>();

  for (int64_t first = 0; first < k; first += step) {
    const int64_t last = std::min(k, first + step), pieces = ceil_div(last - first, depth);
    parallel_each(pieces * groups, 8 * depth * std::min(group, padded_n), [&](int64_t at) {
      const int64_t begin = first + at / groups * depth, here = std::min(depth, last - begin), column = at % groups * group;
      kernels.pack_b(problem, begin, here, column, std::min(group, n - column), packed_data + (begin - first) * padded_n + column * here);
    });
    parallel_each(row_blocks * ranges, rows * (last - first) * range, [&](int64_t at) {
      const int64_t row = at / ranges * rows, column = at % ranges * range;
      const MatmulBlock block = {row, std::min(rows, m - row), column, std::min(range, n - column)};
      T* mine = packs_a ? scratch_data + thread_index() * scratch.dim(1) : nullptr;
      for (int64_t begin = first; begin < last; begin += depth) {
        const int64_t here = std::min(depth, last - begin);
        kernels.multiply(problem, begin, here, block, packed_data + (begin - first) * padded_n + column * here, mine);
      }
    });
  }
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  const auto [m, n, k] = matmul_extents(a, b, transpose_a, transpose_b);
  if (m == 0 || n == 0 || k == 0) return Tensor::zeros({m, n}, a.dtype());
  Tensor y({m, n}, a.dtype());
  const bool flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
  dispatch_floating(a.dtype(), [&, m = m, n = n, k = k](auto zero) {
    using T = decltype(zero);
    multiply_all<T>({.m = m,
                     .k = k,
                     .n = n,
                     .a = a.data<T>(),
                     .a_row = flip_a ? 1 : k,
                     .a_column = flip_a ? m : 1,
                     .b = b.data<T>(),
                     .b_row = flip_b ? 1 : n,
                     .b_column = flip_b ? k : 1,
                     .y = y.data<T>()});
  });
  return y;
}

}  // namespace tensor::ops::cpu
