#pragma once
// Cases of the elementwise ops: shapes of 1, primes, one more and one less than a vector of 2, 4 or 8 doubles.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

inline const Shape elementwise_shapes[] = {{}, {1}, {7}, {9}, {3, 5}, {1, 1, 31}, {2, 3, 4, 5}, {127}};

inline constexpr double scaled_by = -1.7, added = 0.3;

inline std::vector<OpExplanation> elementwise_explanations() {
  return {{"relu", "y = max(x, 0)", {{"x", "dx = dy [y > 0]"}}},
          {"exp", "y = e^x", {{"x", "dx = dy y"}}},
          {"log", "y = ln x", {{"x", "dx = dy / x"}}},
          {"sqrt", "y = x^(1/2)", {{"x", "dx = dy / (2 y)"}}},
          {"scale", fmt::format("y = s x, here s = {}", scaled_by), {{"x", "dx = s dy"}}},
          {"add_scalar", fmt::format("y = x + t, here t = {}", added), {{"x", "dx = dy"}}},
          {"add", "y = a + b", {{"a", "da = dy"}, {"b", "db = dy"}}},
          {"subtract", "y = a - b", {{"a", "da = dy"}, {"b", "db = -dy"}}},
          {"multiply", "y = a b", {{"a", "da = dy b"}, {"b", "db = dy a"}}},
          {"divide", "y = a / b", {{"a", "da = dy / b"}, {"b", "db = -dy a / b^2 = -da y"}}}};
}

struct UnaryCase {
  const char* op;
  Variable (*function)(const Variable&);
  double low, high, gap;
};
inline const UnaryCase unary_cases[] = {
    {"relu", relu, -1, 1, 1e-2},  // off the kink
    {"exp", exp, -2, 2, 0},
    {"log", log, 0.5, 3, 0},
    {"sqrt", sqrt, 0.5, 3, 0},
    {"scale", [](const Variable& x) { return scale(x, scaled_by); }, -1, 1, 0},
    {"add_scalar", [](const Variable& x) { return add_scalar(x, added); }, -1, 1, 0},
};

struct BinaryCase {
  const char* op;
  Variable (*function)(const Variable&, const Variable&);
  double gap;  // of both inputs
};
inline const BinaryCase binary_cases[] = {{"add", add, 0}, {"subtract", subtract, 0}, {"multiply", multiply, 0}, {"divide", divide, 0.5}};

inline std::vector<GradcheckCase> elementwise_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const UnaryCase& c : unary_cases)
    for (const Shape& shape : elementwise_shapes)
      checks.push_back({c.op,
                        shape.to_string(),
                        [f = c.function](const std::vector<Variable>& in) { return f(in[0]); },
                        {random_input(shape, 11, c.low, c.high, c.gap)}});
  for (const BinaryCase& c : binary_cases) {
    for (const Shape& shape : elementwise_shapes)
      checks.push_back({c.op,
                        shape.to_string(),
                        [f = c.function](const std::vector<Variable>& in) { return f(in[0], in[1]); },
                        {random_input(shape, 12, -2, 2, c.gap), random_input(shape, 13, -2, 2, c.gap)}});
    checks.push_back({c.op,
                      "the same input twice",
                      [f = c.function](const std::vector<Variable>& in) { return f(in[0], in[0]); },
                      {random_input({3, 5}, 14, -2, 2, 0.5)}});
  }
  return checks;
}

}  // namespace autograd::cases
