#include "tensor/parallel.h"

#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tensor/check.h"

namespace tensor {
namespace {
int threads_in_use = 0;
thread_local bool runs_alone = false;

/// At the end of a loop libgomp's threads spin for milliseconds by default. On a machine that others use too, that takes the core from the
/// very thread that is waited for: a training step took three times as long. Some microseconds are enough to bridge two loops. libgomp
/// reads its settings before main, so this runs before it. A setting of the user has precedence.
__attribute__((constructor(101))) void spin_briefly() {
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) setenv("GOMP_SPINCOUNT", "2000", 0);
}

/// libgomp ends the process where it cannot start a thread (a limit of memory or processes). So it is tried first, as many at once; then
/// libgomp starts its own, which it keeps: later, memory may be scarce.
void start_team(int threads) {
  std::promise<void> all_started;
  const std::shared_future<void> started = all_started.get_future().share();
  std::vector<std::thread> team;
  std::string fault;
  try {
    while (static_cast<int>(team.size()) + 1 < threads) team.emplace_back([started] { started.wait(); });
  } catch (const std::system_error& error) {
    fault = error.code().message();
  }
  all_started.set_value();
  for (std::thread& thread : team) thread.join();
  CHECK(fault.empty(), "cannot start {} threads: {}; use fewer of them, or raise the limit of memory or processes", threads, fault);
#pragma omp parallel num_threads(threads)
  {}
}

}  // namespace

int num_threads() {
  if (threads_in_use == 0) set_num_threads(std::min(omp_get_max_threads(), 1024));
  return threads_in_use;
}

void set_num_threads(int threads) {
  CHECK(threads >= 1 && threads <= 1024, "{} threads; use 1 to 1024", threads);
  start_team(threads);
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
