#pragma once
// Cases of the parameter-free shortcut.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct SubsamplePadCase {
  Shape x;
  int64_t stride, channels;
};
inline const SubsamplePadCase subsample_pad_cases[] = {
    {{1, 1, 1, 1}, 1, 1},    // the identity
    {{2, 4, 6, 3}, 2, 6},    // a stage's first block: half the extents, twice the channels
    {{1, 5, 7, 3}, 2, 8},    // odd extents and an odd number of new channels
    {{1, 3, 3, 17}, 2, 17},  // no new channels
    {{3, 4, 4, 2}, 3, 5},    // another stride
    {{2, 5, 7, 3}, 2, 6},    //
    {{0, 4, 4, 2}, 2, 4},    // no images: values alone
    {{1, 8, 6, 16}, 2, 32},  // values alone
};

inline std::vector<GradcheckCase> subsample_pad_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const SubsamplePadCase& c : subsample_pad_cases) {
    if (!fits_gradcheck(c.x.numel())) continue;
    checks.push_back({.op = "subsample_pad",
                      .name = fmt::format("{} stride {} -> {} channels", c.x.to_string(), c.stride, c.channels),
                      .function = [c](const std::vector<Variable>& in) { return subsample_pad(in[0], c.stride, c.channels); },
                      .inputs = {random_input(c.x, 111)}});
  }
  return checks;
}

}  // namespace autograd::cases
