#pragma once
// Cases of reshape.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct ReshapeCase {
  Shape from;
  std::vector<int64_t> to;
};
inline const ReshapeCase reshape_cases[] = {
    {{6}, {2, 3}}, {{1}, {}}, {{}, {1, 1}}, {{2, 3, 5}, {-1, 5}}, {{7, 1, 3, 2}, {7, -1}}, {{3, 5}, {5, 3}},
};

inline std::vector<GradcheckCase> reshape_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const ReshapeCase& c : reshape_cases)
    checks.push_back({.op = "reshape",
                      .name = fmt::format("{} to {} axes", c.from.to_string(), c.to.size()),
                      .function = [to = c.to](const std::vector<Variable>& in) { return reshape(in[0], to); },
                      .inputs = {random_input(c.from, 21)}});
  return checks;
}

}  // namespace autograd::cases
