#pragma once
// Cases of the row and column broadcasts.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct BroadcastCase {
  Shape x, row, column;
};
inline const BroadcastCase broadcast_cases[] = {
    {{1, 1}, {1}, {1}},              // the smallest
    {{1, 7}, {7}, {1}},              // one row
    {{13, 1}, {1}, {13}},            // one column
    {{5, 17}, {17}, {5}},            // non-multiples of every vector
    {{2, 3, 4, 5}, {5}, {2, 3, 4}},  // channels last
    {{0, 3}, {3}, {0}},              // no rows: the row's gradient is 0
    {{9}, {9}, {}},                  // rank 1: a single row
};

inline std::vector<GradcheckCase> broadcast_gradchecks() {
  std::vector<GradcheckCase> checks;
  const auto check = [&](const char* op, Variable (*f)(const Variable&, const Variable&), const Shape& x, const Shape& other) {
    if (x.numel() + other.numel() == 0) return;
    checks.push_back({op,
                      x.to_string(),
                      [f](const std::vector<Variable>& in) { return f(in[0], in[1]); },
                      {random_input(x, 31), random_input(other, 32)}});
  };
  for (const BroadcastCase& c : broadcast_cases) {
    check("add_row", add_row, c.x, c.row);
    check("multiply_row", multiply_row, c.x, c.row);
    check("add_column", add_column, c.x, c.column);
    check("multiply_column", multiply_column, c.x, c.column);
  }
  return checks;
}

}  // namespace autograd::cases
