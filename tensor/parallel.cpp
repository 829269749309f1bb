#include "tensor/parallel.h"

#include <omp.h>

#include <cstdlib>

#include "tensor/check.h"

namespace tensor {
namespace {
int threads_in_use = 0;
thread_local bool runs_alone = false;

/// At the end of a loop libgomp's threads spin for milliseconds by default. On a machine that others use too, that takes the core from the
/// very thread that is waited for: a training step took three times as long. Some microseconds are enough to bridge two loops. libgomp
/// reads its settings before main, so this runs earlier still; what the user has set stays.
__attribute__((constructor(101))) void spin_briefly() {
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) setenv("GOMP_SPINCOUNT", "2000", 0);
}

}  // namespace

int num_threads() {
  if (threads_in_use == 0) threads_in_use = omp_get_max_threads();
  return threads_in_use;
}

void set_num_threads(int threads) {
  CHECK(threads >= 1 && threads <= 1024, "{} threads; use 1 to 1024", threads);
  threads_in_use = threads;
}

void this_thread_runs_alone() { runs_alone = true; }

bool may_open_team() { return !runs_alone && !omp_in_parallel(); }

int thread_index() {
  // In a team that a user of the library opened, a loop runs on the calling thread alone and has its scratch for itself: any place will do.
  const int index = omp_get_thread_num();
  return index < num_threads() ? index : 0;
}

}  // namespace tensor
