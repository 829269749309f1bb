#pragma once
// Cases of the reductions.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct ReduceCase {
  const char* op;
  Variable (*function)(const Variable&);
};
inline const ReduceCase reduce_cases[] = {{"sum", sum}, {"mean", mean}, {"sum_rows", sum_rows}, {"sum_columns", sum_columns}};
inline const Shape reduce_shapes[] = {{1}, {17}, {1, 1}, {1, 13}, {13, 1}, {7, 19}, {2, 3, 4, 5}};

inline std::vector<OpExplanation> reduce_explanations() {
  return {{"sum", "y = sum_i x[i]", {{"x", "dx[i] = dy"}}},
          {"mean", "y = sum_i x[i] / n, n elements", {{"x", "dx[i] = dy / n"}}},
          {"sum_rows", "y[c] = sum_r x[r,c], c the last axis and r all others", {{"x", "dx[r,c] = dy[c]"}}},
          {"sum_columns", "y[r] = sum_c x[r,c], c the last axis", {{"x", "dx[r,c] = dy[r]"}}}};
}

inline std::vector<GradcheckCase> reduce_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const ReduceCase& c : reduce_cases)
    for (const Shape& shape : reduce_shapes)
      checks.push_back(
          {c.op, shape.to_string(), [f = c.function](const std::vector<Variable>& in) { return f(in[0]); }, {random_input(shape, 41)}});
  return checks;
}

}  // namespace autograd::cases
