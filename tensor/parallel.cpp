#include "tensor/parallel.h"

#include <omp.h>

#include "tensor/check.h"

namespace tensor {
namespace {
int threads_in_use = 0;
thread_local bool runs_alone = false;
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

int thread_index() { return omp_get_thread_num(); }

}  // namespace tensor
