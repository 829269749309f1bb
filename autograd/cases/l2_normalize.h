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
    {{1, 2}, 1e-10},       {{1, 13}, 1e-10}, {{7, 5}, 1e-10}, {{3, 17}, 1e-10},
    {{2, 3, 4, 5}, 1e-10}, {{11}, 1e-10},    {{5, 1}, 0.5},   {{5, 7}, 0.5},
};

inline std::vector<GradcheckCase> l2_normalize_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const L2NormalizeCase& c : l2_normalize_cases)
    checks.push_back({"l2_normalize",
                      fmt::format("{} eps {}", c.x.to_string(), c.eps),
                      [eps = c.eps](const std::vector<Variable>& in) { return l2_normalize(in[0], eps); },
                      {random_input(c.x, 141, -1, 1, 0.05)}});  // a row of norm 0 has a kink
  return checks;
}

}  // namespace autograd::cases
