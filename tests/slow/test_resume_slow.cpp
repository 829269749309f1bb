// 200 kills at random moments of training runs: every run that goes on from them ends in the same bits.

#include "tests/killed_runs.h"

namespace {

TEST(ExactResume, TwoHundredKills) {
  // Most of the moments fall early, so that start-up, the first saves and resumes of resumes are met; one run in some is killed late.
  const command::Kills early = command::expect_same_ending_whatever_is_killed(120, 12, 0.3, 1);
  const command::Kills anywhere = command::expect_same_ending_whatever_is_killed(80, 12, 1.0, 2);
  std::printf("%d kills in %d runs: %d before there was a state, %d later\n", early.done + anywhere.done, early.runs + anywhere.runs,
              early.before_any_state + anywhere.before_any_state, early.mid_run + anywhere.mid_run);
  EXPECT_EQ(early.done + anywhere.done, 200);
  EXPECT_GE(early.mid_run + anywhere.mid_run, 100);
}

}  // namespace
