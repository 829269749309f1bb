#pragma once
// Threads. Work is split by its shape alone, never by the number of threads, so that results have the same bits for any number.

#include <cstdint>

namespace tensor {

/// Threads that kernels use; at first what the machine offers to this process. An Error where so many cannot be started.
int num_threads();
/// 1 <= threads <= 1024. An Error where so many cannot be started.
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
  const int64_t blocks = (n + grain - 1) / grain;
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

/// A grain for cheap element-wise bodies: large enough to pay for the hand-over, the same for any number of threads.
constexpr int64_t elementwise_grain = 1 << 15;

/// Rows of a block for work over rows of `columns` elements: about elementwise_grain elements, the same for any number of threads.
inline int64_t rows_per_block(int64_t columns) {
  return columns >= elementwise_grain ? 1 : elementwise_grain / (columns > 0 ? columns : 1);
}

}  // namespace tensor
