#pragma once
// Learning rate by step: linear warm-up, then constant, half a cosine, or step decay at milestones.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nn {

/// A step is one update; steps count from 0. For s < warmup_steps the rate is warmup_start + (lr - warmup_start) s / warmup_steps.
/// After the warm-up, with t = s - warmup_steps and T = total_steps - 1 - warmup_steps:
///   constant   lr
///   cosine     low + (lr - low) (1 + cos(pi t / T)) / 2, low = lr final_ratio   (Loshchilov & Hutter, "SGDR", ICLR 2017, one period)
///   step       lr gamma^m, m = number of milestones <= s
struct Schedule {
  enum class Kind { constant, cosine, step };
  Kind kind = Kind::cosine;
  double lr = 0.1;                       ///< the peak rate
  double final_ratio = 1e-3;             ///< cosine: final rate / peak rate
  std::vector<int64_t> milestones = {};  ///< step: in rising order, counted from step 0 (including warm-up)
  double gamma = 0.1;                    ///< step: the factor at each milestone
  double warmup_start = 0.01;            ///< rate at step 0 of the warm-up
  int64_t warmup_steps = 0;
  int64_t total_steps = 1;
  /// The rate of a step; steps from total_steps on keep the last rate.
  double at(int64_t step) const;
};

/// Names on command lines.
const std::vector<std::pair<std::string, Schedule::Kind>>& schedule_names();

}  // namespace nn
