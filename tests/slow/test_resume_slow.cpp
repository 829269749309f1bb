// 200 kills at random moments of training runs: every resumed run ends in the same bits.

#include "tests/killed_runs.h"

namespace {

TEST(ExactResume, TwoHundredKills) {
  // Most of the moments fall early, so that start-up, the first saves and resumes of resumes are met; one run in some is killed late.
  const command::Kills early = command::expect_same_ending_whatever_is_killed(100, 12, 0.3, 1);
  const command::Kills anywhere = command::expect_same_ending_whatever_is_killed(60, 12, 1.0, 2);
  const command::Kills heads = command::expect_same_ending_whatever_is_killed(40, 12, 0.6, 3, command::tiny_mode_t_run);
  std::printf("%d kills in %d runs: %d before there was a state, %d later\n", early.done + anywhere.done + heads.done,
              early.runs + anywhere.runs + heads.runs, early.before_any_state + anywhere.before_any_state + heads.before_any_state,
              early.mid_run + anywhere.mid_run + heads.mid_run);
  EXPECT_EQ(early.done + anywhere.done + heads.done, 200);
  EXPECT_GE(early.mid_run + anywhere.mid_run, 80);
  EXPECT_GE(heads.mid_run, 15);
}

}  // namespace
