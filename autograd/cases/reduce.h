#pragma once
// Cases of the reductions.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct ReduceCase {
  const char *op, *name;
  Variable (*function)(const Variable&);
};
inline const ReduceCase reduce_cases[] = {
    {"sum", "", sum},
    {"mean", "", mean},
    {"sum", " axis 0", [](const Variable& x) { return sum(x, 0); }},
    {"sum", " axis -1", [](const Variable& x) { return sum(x, -1); }},
};
inline const Shape reduce_shapes[] = {{1},
                                      {17},
                                      {1, 1},
                                      {1, 13},
                                      {13, 1},
                                      {7, 19},
                                      {2, 3, 4, 5},
                                      {1, 7},
                                      {7, 1},
                                      {5, 3},
                                      {2, 3, 31},
                                      // Values alone: several blocks, long rows, long columns.
                                      {2, 2, 3, 33},
                                      {4099, 5},
                                      {3, 4099},
                                      {1031, 129},
                                      {70001, 1}};

inline std::vector<GradcheckCase> reduce_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const ReduceCase& c : reduce_cases)
    for (const Shape& shape : reduce_shapes) {
      if (!fits_gradcheck(shape.numel())) continue;
      checks.push_back({.op = c.op,
                        .name = shape.to_string() + c.name,
                        .function = [f = c.function](const std::vector<Variable>& in) { return f(in[0]); },
                        .inputs = {random_input(shape, 41)}});
    }
  return checks;
}

}  // namespace autograd::cases
