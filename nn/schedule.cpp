#include "nn/schedule.h"

#include <algorithm>
#include <cmath>

#include "nn/text.h"
#include "tensor/check.h"

namespace nn {

double Schedule::at(int64_t step) const {
  CHECK(total_steps >= 1 && warmup_steps >= 0 && warmup_steps <= total_steps,
        "schedule: {} steps with {} warm-up steps; expected at least 1 step and at most as many warm-up steps", total_steps, warmup_steps);
  CHECK(step >= 0, "schedule: step {} is negative", step);
  CHECK(std::is_sorted(milestones.begin(), milestones.end()), "schedule: milestones {} must be in rising order", joined(milestones));
  if (step < warmup_steps) return warmup_start + (lr - warmup_start) * static_cast<double>(step) / static_cast<double>(warmup_steps);
  step = std::min(step, total_steps - 1);
  if (kind == Kind::constant) return lr;
  if (kind == Kind::step) {
    double rate = lr;
    for (const int64_t milestone : milestones)
      if (milestone <= step) rate *= gamma;
    return rate;
  }
  const int64_t last = total_steps - 1 - warmup_steps;  // the cosine has steps 0 .. last
  if (last <= 0) return lr;
  const double progress = static_cast<double>(step - warmup_steps) / static_cast<double>(last);
  const double low = lr * final_ratio;
  return low + (lr - low) * 0.5 * (1 + std::cos(3.141592653589793 * progress));
}

const Names<Schedule::Kind>& schedule_names() {
  static const Names<Schedule::Kind> names = {
      {"cosine", Schedule::Kind::cosine}, {"step", Schedule::Kind::step}, {"constant", Schedule::Kind::constant}};
  return names;
}

}  // namespace nn
