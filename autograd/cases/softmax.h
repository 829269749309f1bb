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
    {{1, 1}, 1},          // the smallest
    {{1, 10}, 3},         // one image, ten classes
    {{7, 2}, 3},          //
    {{5, 17}, 3},         // one more than two vectors of 8
    {{13}, 3},            // rank 1
    {{2, 3, 4, 5}, 3},    // rank 4
    {{3, 7}, 30},         // nearly one-hot
    {{1}, 20},            //
    {{9}, 20},            //
    {{7, 10}, 20},        //
    {{2, 3, 31}, 20},     //
    {{2, 2, 3, 33}, 20},  // values alone from here on
    {{301, 129}, 20},     // several blocks of rows
    {{3, 1025}, 20},      // on CUDA a row for a whole block
};

inline std::vector<GradcheckCase> softmax_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const SoftmaxCase& c : softmax_cases) {
    if (!fits_gradcheck(c.x.numel())) continue;
    const std::string name = fmt::format("{} within {}", c.x.to_string(), c.spread);
    const Tensor x = random_input(c.x, 121, -c.spread, c.spread);
    checks.push_back(
        {.op = "softmax", .name = name, .function = [](const std::vector<Variable>& in) { return softmax(in[0]); }, .inputs = {x}});
    checks.push_back(
        {.op = "log_softmax", .name = name, .function = [](const std::vector<Variable>& in) { return log_softmax(in[0]); }, .inputs = {x}});
  }
  return checks;
}

}  // namespace autograd::cases
