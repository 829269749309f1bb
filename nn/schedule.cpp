#include "nn/schedule.h"

#include <algorithm>
#include <cmath>

#include "tensor/check.h"

namespace nn {

double CosineSchedule::at(int64_t step) const {
  CHECK(total_steps >= 1 && warmup_steps >= 0 && warmup_steps <= total_steps, "a schedule of {} steps cannot have {} warm-up steps",
        total_steps, warmup_steps);
  CHECK(step >= 0, "step {} is negative", step);
  if (step < warmup_steps) return warmup_start + (lr - warmup_start) * static_cast<double>(step) / static_cast<double>(warmup_steps);
  const int64_t last = total_steps - 1 - warmup_steps;  // the cosine's steps are 0 .. last
  if (last <= 0) return lr;
  const double progress = static_cast<double>(std::min(step - warmup_steps, last)) / static_cast<double>(last);
  const double low = lr * final_ratio;
  return low + (lr - low) * 0.5 * (1 + std::cos(3.141592653589793 * progress));
}

}  // namespace nn
