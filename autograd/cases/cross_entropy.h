#pragma once
// Cases of cross-entropy.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct CrossEntropyCase {
  int64_t rows, classes;
  double spread;  // logits lie in (-spread, spread)
  double smoothing = 0;
};
inline const CrossEntropyCase cross_entropy_cases[] = {
    {.rows = 1, .classes = 1, .spread = 1},
    {.rows = 1, .classes = 10, .spread = 3},
    {.rows = 7, .classes = 2, .spread = 3},
    {.rows = 5, .classes = 17, .spread = 3},
    {.rows = 3, .classes = 100, .spread = 3},
    {.rows = 4, .classes = 7, .spread = 30},
    {.rows = 1, .classes = 1, .spread = 1, .smoothing = 0.1},
    {.rows = 1, .classes = 10, .spread = 3, .smoothing = 0.2},
    {.rows = 4, .classes = 7, .spread = 30, .smoothing = 0.2},
    {.rows = 5, .classes = 17, .spread = 3, .smoothing = 0.1},
    {.rows = 3, .classes = 7, .spread = 3, .smoothing = 1},
    {.rows = 7, .classes = 3, .spread = 1, .smoothing = 0.2},
    {.rows = 129, .classes = 10, .spread = 1, .smoothing = 0.2},  // values alone from here on
    {.rows = 1000, .classes = 101, .spread = 1, .smoothing = 0.2},
    {.rows = 3, .classes = 1025, .spread = 1, .smoothing = 0.2},
};

inline std::vector<GradcheckCase> cross_entropy_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const CrossEntropyCase& c : cross_entropy_cases) {
    if (!fits_gradcheck(c.rows * c.classes)) continue;
    std::vector<int64_t> labels;
    for (int64_t row = 0; row < c.rows; ++row) labels.push_back((3 * row + 1) % c.classes);
    checks.push_back(
        {.op = "cross_entropy",
         .name = fmt::format("{} rows, {} classes, within {}, smoothing {}", c.rows, c.classes, c.spread, c.smoothing),
         .function = [labels = Tensor::from(labels, {c.rows}), smoothing = c.smoothing](
                         const std::vector<Variable>& in) { return cross_entropy(in[0], labels.to(in[0].value().device()), smoothing); },
         .inputs = {random_input({c.rows, c.classes}, 131, -c.spread, c.spread)},
         .constants = {{"labels", Tensor::from(labels, {c.rows})}}});
  }
  return checks;
}

}  // namespace autograd::cases
