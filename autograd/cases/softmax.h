#pragma once
// Cases of softmax and log-softmax.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct SoftmaxCase {
  Shape x;
  double spread;  // inputs lie in (-spread, spread)
};
inline const SoftmaxCase softmax_cases[] = {
    {{1, 1}, 1}, {{1, 10}, 3}, {{7, 2}, 3}, {{5, 17}, 3}, {{13}, 3}, {{2, 3, 4, 5}, 3}, {{3, 7}, 30},  // the last is nearly one-hot
};

inline std::vector<GradcheckCase> softmax_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const SoftmaxCase& c : softmax_cases) {
    const std::string name = fmt::format("{} within {}", c.x.to_string(), c.spread);
    const Tensor x = random_input(c.x, 121, -c.spread, c.spread);
    checks.push_back({"softmax", name, [](const std::vector<Variable>& in) { return softmax(in[0]); }, {x}});
    checks.push_back({"log_softmax", name, [](const std::vector<Variable>& in) { return log_softmax(in[0]); }, {x}});
  }
  return checks;
}

}  // namespace autograd::cases
