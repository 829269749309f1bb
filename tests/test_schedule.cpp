// Learning rates by step: against PyTorch's schedulers, by hand, and at the boundaries.

#include "nn/schedule.h"

#include <gtest/gtest.h>

#include "nn/text.h"
#include "tests/golden.h"

namespace {

using Kind = nn::Schedule::Kind;

TEST(Schedule, AsPyTorch) {
  const golden::File file("training");
  for (const std::string kind : {"constant", "cosine", "step"})
    for (const int64_t warmup : {0, 6}) {
      const nn::Schedule schedule{.kind = *nn::value_of(kind, nn::schedule_names()),
                                  .lr = 0.4,
                                  .milestones = {15, 30},
                                  .gamma = 0.2,
                                  .warmup_steps = warmup,
                                  .total_steps = 40};
      const std::vector<double> expected = file[fmt::format("rates.{}.{}", kind, warmup)].to_vector();
      ASSERT_EQ(expected.size(), 40u);
      for (int64_t step = 0; step < 40; ++step)
        EXPECT_NEAR(schedule.at(step), expected[step], 1e-14) << kind << ", warm-up " << warmup << ", step " << step;
      EXPECT_EQ(schedule.at(41), schedule.at(39));
    }
}

TEST(Schedule, CosineFromPeakToEnd) {
  const nn::Schedule schedule{.lr = 0.5, .final_ratio = 1e-3, .total_steps = 101};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.5);
  EXPECT_NEAR(schedule.at(50), (0.5 + 0.5e-3) / 2, 1e-15);
  EXPECT_NEAR(schedule.at(25), 0.5e-3 + (0.5 - 0.5e-3) * (1 + std::sqrt(0.5)) / 2, 1e-15);
  EXPECT_NEAR(schedule.at(100), 0.5e-3, 1e-18);
  EXPECT_EQ(schedule.at(1000), schedule.at(100));
  for (int64_t step = 0; step < 100; ++step) EXPECT_GT(schedule.at(step), schedule.at(step + 1)) << step;
}

TEST(Schedule, WarmUp) {
  const nn::Schedule schedule{.lr = 0.5, .warmup_start = 0.1, .warmup_steps = 4, .total_steps = 10};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(1), 0.2);
  EXPECT_DOUBLE_EQ(schedule.at(3), 0.4);
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.5);
  EXPECT_NEAR(schedule.at(9), 0.5e-3, 1e-18);
}

TEST(Schedule, StepsAtMilestones) {
  const nn::Schedule schedule{.kind = Kind::step, .lr = 1, .milestones = {3, 3, 7}, .gamma = 0.5, .total_steps = 9};
  const double expected[] = {1, 1, 1, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125};
  for (int64_t step = 0; step < 9; ++step) EXPECT_EQ(schedule.at(step), expected[step]) << step;
}

TEST(Schedule, EdgesAndBadInput) {
  EXPECT_DOUBLE_EQ((nn::Schedule{.lr = 0.2, .total_steps = 1}).at(0), 0.2);
  EXPECT_DOUBLE_EQ((nn::Schedule{.lr = 0.2, .warmup_steps = 3, .total_steps = 3}).at(7), 0.2);
  expect_error([] { nn::Schedule{.total_steps = 0}.at(0); }, "0 steps");
  expect_error([] { nn::Schedule{.warmup_steps = 5, .total_steps = 4}.at(0); }, "5 warm-up steps");
  expect_error([] { nn::Schedule{}.at(-1); }, "negative");
  expect_error([] { nn::Schedule{.kind = Kind::step, .milestones = {5, 3}, .total_steps = 9}.at(0); }, "must be in rising order");
  EXPECT_FALSE(nn::value_of<Kind>("linear", nn::schedule_names()));
  EXPECT_EQ(nn::known_names(nn::schedule_names()), "cosine, step or constant");
}

}  // namespace
