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

inline std::vector<GradcheckCase> reduce_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const ReduceCase& c : reduce_cases)
    for (const Shape& shape : reduce_shapes)
      checks.push_back(
          {c.op, shape.to_string(), [f = c.function](const std::vector<Variable>& in) { return f(in[0]); }, {random_input(shape, 41)}});
  return checks;
}

}  // namespace autograd::cases
