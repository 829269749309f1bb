// maths    y = A B in tiles that stay in registers while k goes by (product.inl). A tile reads a few rows of A and a panel of B, two
//          vectors wide. Both come packed in the order of reading: B for all, A for each block where y is wide enough to use it often
// shapes   a transposition is two distances exchanged
// cost     2 M N K flop; scratch: about 1 MB of B at once (256 of its rows, if they are longer), and for each thread a block of A of
//          at most 200 KB in f32
// parallel a thread owns a block of y; blocks are cut by shape alone: no race, the same bits for any number of threads
// numerics sums run in the tensor's own dtype, in pieces of at most 256 products that are added in order
#include "tensor/ops/matmul.h"

#include <algorithm>

#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

struct Extents {
  int64_t m, k, n;
};

Extents extents_of(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  CHECK(a.rank() == 2 && b.rank() == 2, "matmul: expected two matrices, got {} and {}", a.shape().to_string(), b.shape().to_string());
  check_same_kind("matmul", {"a", a}, {"b", b});
  CHECK(a.dtype() != Dtype::bf16 || !a.device().is_cpu(), "matmul: bf16 is multiplied on CUDA alone; cast to f32 for the cpu");
  const bool flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
  const Extents e = {a.dim(flip_a ? 1 : 0), a.dim(flip_a ? 0 : 1), b.dim(flip_b ? 0 : 1)};
  CHECK(b.dim(flip_b ? 1 : 0) == e.k, "matmul: a{} is {}, b{} is {}; the columns of the first must be the rows of the second",
        flip_a ? "^T" : "", Shape{e.m, e.k}.to_string(), flip_b ? "^T" : "", Shape{b.dim(flip_b ? 1 : 0), e.n}.to_string());
  return e;
}

}  // namespace

namespace cpu {

/// a(m, k) stands at a[m * a_row + k * a_column], b(k, n) at b[k * b_row + n * b_column].
template <class T>
struct MatmulProblem {
  int64_t m, k, n;
  const T* a;
  int64_t a_row, a_column;
  const T* b;
  int64_t b_row, b_column;
  T* y;
};
/// Of y.
struct MatmulBlock {
  int64_t row, rows, column, columns;
};

/// The kernels of one instruction set, for tiles of `rows` x `width`. Both see the products k .. k + depth alone.
template <class T>
struct MatmulKernels {
  int64_t rows, width;
  int64_t depth;  // of the pieces into which K is cut, at most
  /// Panels of B: `width` columns each, one after the other, as rows of `width` numbers.
  void (*pack_right)(const MatmulProblem<T>&, int64_t k, int64_t depth, int64_t first_column, int64_t columns, T* panels);
  /// Adds (k = 0: writes) to a block, from the panels of its columns. `scratch` takes its rows of A, packed; nullptr: A is read in place.
  void (*multiply)(const MatmulProblem<T>&, int64_t k, int64_t depth, const MatmulBlock&, const T* panels, T* scratch);
};

#define KERNEL_FILE "tensor/ops/matmul_kernel.inl"
#include "tensor/for_each_isa.h"

namespace {

constexpr int64_t block_rows = 192, enough_blocks = 12;  // packed rows of A stay in the L2 cache while the panels pass by
constexpr int64_t packed_bytes = 1 << 20;                // of B at once: they stay in the L3 cache
constexpr int64_t packed_panels = 16;                    // by one thread at once
constexpr int64_t packing_pays = 128;                    // a block with fewer columns uses a number of A too seldom to pay for its packing

template <class T>
void multiply_all(const MatmulProblem<T>& problem) {
  const MatmulKernels<T> kernels = SELECT_ISA(matmul_kernels<T>)();
  const int64_t m = problem.m, k = problem.k, n = problem.n;
  // K is cut into pieces of one length, some pieces of B are packed at once.
  const int64_t depth = ceil_div(k, ceil_div(k, kernels.depth));
  const int64_t panels = ceil_div(n, kernels.width), padded_n = panels * kernels.width;
  const int64_t pieces_at_once = std::max<int64_t>(1, packed_bytes / (depth * padded_n * static_cast<int64_t>(sizeof(T))));
  const int64_t step = std::min(k, pieces_at_once * depth);
  const int64_t group = packed_panels * kernels.width, groups = ceil_div(n, group);
  Tensor packed({step * padded_n}, dtype_of<T>());

  // Blocks of rows; where they are few, shorter ones, and ranges of panels.
  const int64_t longest = m >= enough_blocks * block_rows ? block_rows : block_rows / 2;
  const int64_t rows = ceil_div(ceil_div(m, ceil_div(m, longest)), kernels.rows) * kernels.rows;
  const int64_t row_blocks = ceil_div(m, rows);
  const int64_t range = ceil_div(panels, std::min(panels, ceil_div(enough_blocks, row_blocks))) * kernels.width;
  const int64_t ranges = ceil_div(n, range);
  const bool packs_left = range >= packing_pays;
  Tensor scratch({num_threads(), packs_left ? rows * depth : 0}, dtype_of<T>());
  T *packed_data = packed.data<T>(), *scratch_data = scratch.data<T>();

  for (int64_t first = 0; first < k; first += step) {
    const int64_t last = std::min(k, first + step), pieces = ceil_div(last - first, depth);
    parallel_each(pieces * groups, 8 * depth * std::min(group, padded_n), [&](int64_t at) {
      const int64_t begin = first + at / groups * depth, here = std::min(depth, last - begin), column = at % groups * group;
      kernels.pack_right(problem, begin, here, column, std::min(group, n - column),
                         packed_data + (begin - first) * padded_n + column * here);
    });
    parallel_each(row_blocks * ranges, rows * (last - first) * range, [&](int64_t at) {
      const int64_t row = at / ranges * rows, column = at % ranges * range;
      const MatmulBlock block = {row, std::min(rows, m - row), column, std::min(range, n - column)};
      T* mine = packs_left ? scratch_data + thread_index() * scratch.dim(1) : nullptr;
      for (int64_t begin = first; begin < last; begin += depth) {
        const int64_t here = std::min(depth, last - begin);
        kernels.multiply(problem, begin, here, block, packed_data + (begin - first) * padded_n + column * here, mine);
      }
    });
  }
}

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  const auto [m, k, n] = extents_of(a, b, transpose_a, transpose_b);
  if (m == 0 || n == 0 || k == 0) return Tensor::zeros({m, n}, a.dtype());
  Tensor y({m, n}, a.dtype());
  const bool flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
  dispatch_floating(a.dtype(), [&, m = m, k = k, n = n](auto zero) {
    using T = decltype(zero);
    multiply_all<T>({m, k, n, a.data<T>(), flip_a ? 1 : k, flip_a ? m : 1, b.data<T>(), flip_b ? 1 : n, flip_b ? k : 1, y.data<T>()});
  });
  return y;
}

}  // namespace
}  // namespace cpu

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  extents_of(a, b, transpose_a, transpose_b);
  DISPATCH_DEVICE(a, matmul, a, b, transpose_a, transpose_b);
}

namespace naive {

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_a, Transpose transpose_b) {
  const auto [m, k, n] = extents_of(a, b, transpose_a, transpose_b);
  return dispatch_floating(a.dtype(), [&, m = m, k = k, n = n](auto zero) {
    using T = decltype(zero);
    Tensor y({m, n}, a.dtype());
    const T *a_data = a.data<T>(), *b_data = b.data<T>();
    T* y_data = y.data<T>();
    for (int64_t row = 0; row < m; ++row)
      for (int64_t column = 0; column < n; ++column) {
        double sum = 0;
        for (int64_t i = 0; i < k; ++i) {
          const T left = a_data[transpose_a == Transpose::yes ? i * m + row : row * k + i];
          const T right = b_data[transpose_b == Transpose::yes ? column * k + i : i * n + column];
          sum += static_cast<double>(left) * static_cast<double>(right);
        }
        y_data[row * n + column] = static_cast<T>(sum);
      }
    return y;
  });
}

}  // namespace naive
}  // namespace tensor::ops
