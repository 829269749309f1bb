#include "tensor/parallel.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "tests/kernel_testing.h"

namespace tensor {
namespace {

using Blocks = std::set<std::pair<int64_t, int64_t>>;

Blocks blocks_of(int64_t n, int64_t grain) {
  Blocks blocks;
  std::mutex mutex;
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(blocks.emplace(begin, end).second) << "block " << begin << " twice";
  });
  return blocks;
}

TEST(Parallel, BlocksCoverTheRangeOnceAndDoNotDependOnTheThreads) {
  const RestoreSettings restore;
  for (const int64_t n : {0, 1, 2, 7, 100, 101})
    for (const int64_t grain : {-1, 0, 1, 3, 100, 1000}) {
      SCOPED_TRACE(fmt::format("n {} grain {}", n, grain));
      Blocks expected;
      const int64_t step = std::max<int64_t>(grain, 1);
      for (int64_t begin = 0; begin < n; begin += step) expected.emplace(begin, std::min(n, begin + step));
      for (const int threads : {1, 2, 5}) {
        set_num_threads(threads);
        EXPECT_EQ(blocks_of(n, grain), expected);
      }
    }
  EXPECT_TRUE(blocks_of(-3, 1).empty());
}

TEST(Parallel, ATeamHasSeveralThreads) {
  const RestoreSettings restore;
  set_num_threads(3);
  // Each of three blocks waits until all have begun: this ends only when three threads work at once.
  std::atomic<int> begun{0};
  parallel_for(3, 1, [&](int64_t, int64_t) {
    ++begun;
    while (begun < 3) std::this_thread::yield();
  });
  EXPECT_EQ(begun, 3);
}

TEST(Parallel, InsideATeamAndOnALonelyThreadNoTeamOpens) {
  const RestoreSettings restore;
  set_num_threads(2);
  EXPECT_TRUE(may_open_team());
  std::atomic<bool> opened{false};
  parallel_for(2, 1, [&](int64_t, int64_t) {
    if (may_open_team()) opened = true;
    parallel_for(4, 1, [&](int64_t, int64_t) {
      if (may_open_team()) opened = true;
    });
  });
  EXPECT_FALSE(opened);

  std::thread lonely([&] {
    this_thread_runs_alone();
    const std::thread::id self = std::this_thread::get_id();
    parallel_for(8, 1, [&](int64_t, int64_t) { EXPECT_EQ(std::this_thread::get_id(), self); });
    EXPECT_FALSE(may_open_team());
  });
  lonely.join();
  EXPECT_TRUE(may_open_team());
}

TEST(Parallel, NumberOfThreads) {
  const RestoreSettings restore;
  EXPECT_GE(num_threads(), 1);
  set_num_threads(7);
  EXPECT_EQ(num_threads(), 7);
  expect_error([] { set_num_threads(0); }, "0 threads; use 1 to 1024");
  expect_error([] { set_num_threads(1025); }, "1025 threads");
  EXPECT_EQ(num_threads(), 7);
}

}  // namespace
}  // namespace tensor
