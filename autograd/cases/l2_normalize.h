#pragma once
// Cases of the L2 normalization.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct L2NormalizeCase {
  Shape x;
  double eps;
};
inline const L2NormalizeCase l2_normalize_cases[] = {
    {{1, 2}, 1e-10},
    {{1, 13}, 1e-10},
    {{7, 5}, 1e-10},
    {{3, 17}, 1e-10},
    {{2, 3, 4, 5}, 1e-10},
    {{11}, 1e-10},
    {{5, 1}, 0.5},
    {{5, 7}, 0.5},
    {{1}, 1e-3},
    {{5}, 1e-3},
    {{3, 1}, 1e-3},
    {{7, 13}, 1e-3},
    {{2, 3, 31}, 1e-3},
    // Values alone: several blocks of rows, and on CUDA a row for a whole block.
    {{2, 1, 3, 64}, 1e-3},
    {{501, 130}, 1e-3},
    {{3, 1025}, 1e-3},
};

inline std::vector<GradcheckCase> l2_normalize_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const L2NormalizeCase& c : l2_normalize_cases) {
    if (!fits_gradcheck(c.x.numel())) continue;
    checks.push_back({.op = "l2_normalize",
                      .name = fmt::format("{} eps {}", c.x.to_string(), c.eps),
                      .function = [eps = c.eps](const std::vector<Variable>& in) { return l2_normalize(in[0], eps); },
                      .inputs = {random_input(c.x, 141, -1, 1, 0.05)}});  // a row of norm 0 has a kink
  }
  return checks;
}

}  // namespace autograd::cases
