#pragma once
// Learning rate by step: a linear warm-up, then constant, half a cosine, or a fall at milestones.

#include <cstdint>
#include <string>
#include <vector>

namespace nn {

/// Steps count from 0; a step is one update. Warm-up: lr at step s < warmup_steps is warmup_start + (lr - warmup_start) s / warmup_steps.
/// After it, with t = s - warmup_steps of T = total_steps - 1 - warmup_steps:
///   constant   lr
///   cosine     low + (lr - low) (1 + cos(pi t / T)) / 2, low = lr final_ratio   (Loshchilov & Hutter, "SGDR", ICLR 2017, one period)
///   step       lr gamma^m, m = milestones <= s
struct Schedule {
  enum class Kind { constant, cosine, step };
  Kind kind = Kind::cosine;
  double lr = 0.1;                       ///< the peak
  double final_ratio = 1e-3;             ///< of cosine: the end, as a share of the peak
  std::vector<int64_t> milestones = {};  ///< of step: rising; counted from step 0, warm-up included
  double gamma = 0.1;                    ///< of step: the factor at each
  double warmup_start = 0.01;            ///< lr at step 0 when there is a warm-up
  int64_t warmup_steps = 0;
  int64_t total_steps = 1;
  /// lr of step 0 .. total_steps - 1; later steps keep the last value.
  double at(int64_t step) const;
};

/// "constant", "cosine" or "step"; anything else is an error that lists them.
Schedule::Kind schedule_by_name(const std::string& name);

}  // namespace nn
