#pragma once
// Threads. Work is split by its shape alone, never by the number of threads, so that results have the same bits for any number.

#include <cstdint>
#include <vector>

#include "tensor/math.h"

namespace tensor {

/// Threads that kernels use; initially all processors of this process. An Error if they cannot be started.
int num_threads();
/// 1 <= threads <= 1024. An Error if they cannot be started.
void set_num_threads(int threads);
/// Called by a prefetch thread once: a kernel that it then calls runs on that thread alone and opens no team.
void this_thread_runs_alone();
bool may_open_team();
/// Which of the num_threads() runs this: an index into per-thread scratch that was allocated before the parallel loop.
int thread_index();

/// Calls body(begin, end) for [0, grain), [grain, 2 grain), ... [.., n). The body must not throw, and two calls must not write the same
/// place.
template <class Body>
void parallel_for(int64_t n, int64_t grain, const Body& body) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  const int64_t blocks = ceil_div(n, grain);
  const int threads = blocks > 1 && may_open_team() ? num_threads() : 1;
  if (threads == 1) {
    for (int64_t block = 0; block < blocks; ++block) body(block * grain, block * grain + grain < n ? block * grain + grain : n);
    return;
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int64_t block = 0; block < blocks; ++block) body(block * grain, block * grain + grain < n ? block * grain + grain : n);
}

/// Calls body(i) for 0 <= i < n, each i as large as `work` multiplications: a team is not opened for some microseconds' worth of them.
template <class Body>
void parallel_each(int64_t n, int64_t work, const Body& body) {
  constexpr int64_t worth_a_team = 1 << 18;
  parallel_for(n, work < worth_a_team / (n > 0 ? n : 1) ? n : 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

inline double sum_in_order(const std::vector<double>& parts) {
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

/// Column sums of the partial results of blocks: sums[i] = partial[0 * width + i] + partial[1 * width + i] + .., in index order.
inline std::vector<double> sum_blocks(const double* partial, int64_t blocks, int64_t width) {
  std::vector<double> sums(width);
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t i = 0; i < width; ++i) sums[i] += partial[block * width + i];
  return sums;
}

/// A grain for cheap element-wise bodies: large enough to pay for the hand-over, the same for any number of threads.
constexpr int64_t elementwise_grain = 1 << 15;

/// Rows of a block for work over rows of `columns` elements: about elementwise_grain elements, the same for any number of threads.
inline int64_t rows_per_block(int64_t columns) {
  return columns >= elementwise_grain ? 1 : elementwise_grain / (columns > 0 ? columns : 1);
}

/// Calls body(r) for each row of rows x columns elements, blocks of rows in parallel.
template <class Body>
void parallel_rows(int64_t rows, int64_t columns, const Body& body) {
  parallel_for(rows, rows_per_block(columns), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) body(r);
  });
}

/// The sum of part(begin, end) over the blocks of parallel_for(n, grain), added in index order: the same bits for any number of threads.
template <class Part>
double parallel_sum(int64_t n, int64_t grain, const Part& part) {
  std::vector<double> parts(ceil_div(n, grain));
  parallel_for(n, grain, [&](int64_t begin, int64_t end) { parts[begin / grain] = part(begin, end); });
  return sum_in_order(parts);
}

}  // namespace tensor
