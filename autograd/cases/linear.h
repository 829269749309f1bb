#pragma once
// Cases of linear, with and without the bias.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct LinearCase {
  int64_t rows, in, out;
  bool bias;
};
inline const LinearCase linear_cases[] = {
    {.rows = 1, .in = 1, .out = 1, .bias = true},     // the smallest
    {.rows = 1, .in = 7, .out = 10, .bias = true},    // one image, ten classes
    {.rows = 5, .in = 13, .out = 11, .bias = true},   // primes
    {.rows = 5, .in = 13, .out = 11, .bias = false},  //
    {.rows = 0, .in = 3, .out = 2, .bias = true},     // no rows: dw = db = 0
};

inline std::vector<GradcheckCase> linear_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const LinearCase& c : linear_cases) {
    const Tensor x = random_input({c.rows, c.in}, 61), w = random_input({c.out, c.in}, 62), b = random_input({c.out}, 63);
    checks.push_back({"linear", fmt::format("{} rows, {} -> {}{}", c.rows, c.in, c.out, c.bias ? ", bias" : ""),
                      [bias = c.bias](const std::vector<Variable>& in) { return linear(in[0], in[1], bias ? in[2] : Variable()); },
                      c.bias ? std::vector<Tensor>{x, w, b} : std::vector<Tensor>{x, w}});
  }
  return checks;
}

}  // namespace autograd::cases
