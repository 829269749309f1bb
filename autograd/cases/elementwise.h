#pragma once
// Cases of the elementwise ops: shapes of 1, primes, one more and one less than a vector of 2, 4 or 8 doubles.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

inline const Shape elementwise_shapes[] = {
    {},  {1}, {7},  {9},  {3, 5}, {1, 1, 31}, {2, 3, 4, 5}, {127}, {2},   {3},
    {5}, {8}, {13}, {16}, {33},   {64},       {67},         {0},   {1009}};  // the last two: values alone

inline constexpr double scaled_by = -1.7, added = 0.3;

struct UnaryCase {
  const char* op;
  Variable (*function)(const Variable&);
  double low, high, gap;
  std::vector<std::pair<std::string, Tensor>> constants = {};
};
inline const UnaryCase unary_cases[] = {
    {"relu", relu, -1, 1, 1e-2},  // off the kink
    {"exp", exp, -2, 2, 0},
    {"log", log, 0.5, 3, 0},
    {"sqrt", sqrt, 0.5, 3, 0},
    {"scale", [](const Variable& x) { return scale(x, scaled_by); }, -1, 1, 0, {{"s", Tensor::full({}, scaled_by, Dtype::f64)}}},
    {"add_scalar", [](const Variable& x) { return add_scalar(x, added); }, -1, 1, 0, {{"t", Tensor::full({}, added, Dtype::f64)}}},
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
      if (fits_gradcheck(2 * shape.numel()))
        checks.push_back({.op = c.op,
                          .name = shape.to_string(),
                          .function = [f = c.function](const std::vector<Variable>& in) { return f(in[0]); },
                          .inputs = {random_input(shape, 11, c.low, c.high, c.gap)},
                          .constants = c.constants});
  for (const BinaryCase& c : binary_cases) {
    for (const Shape& shape : elementwise_shapes)
      if (fits_gradcheck(2 * shape.numel()))
        checks.push_back({.op = c.op,
                          .name = shape.to_string(),
                          .function = [f = c.function](const std::vector<Variable>& in) { return f(in[0], in[1]); },
                          .inputs = {random_input(shape, 12, -2, 2, c.gap), random_input(shape, 13, -2, 2, c.gap)}});
    checks.push_back({.op = c.op,
                      .name = "the same input twice",
                      .function = [f = c.function](const std::vector<Variable>& in) { return f(in[0], in[0]); },
                      .inputs = {random_input({3, 5}, 14, -2, 2, 0.5)}});
  }
  return checks;
}

}  // namespace autograd::cases
