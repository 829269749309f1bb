#pragma once
// Learning rate by step: linear warm-up, then a half cosine.

#include <cstdint>

namespace nn {

struct CosineSchedule {
  double lr = 0.1;             ///< the peak
  double final_ratio = 1e-3;   ///< the end, as a share of the peak
  double warmup_start = 0.01;  ///< lr at step 0 when there is a warm-up
  int64_t warmup_steps = 0;
  int64_t total_steps = 1;
  /// lr of step 0 .. total_steps - 1; later steps keep the last value.
  double at(int64_t step) const;
};

}  // namespace nn
