#pragma once
// Cases of the row and column broadcasts.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tensor/ops/matrix_view.h"

namespace autograd::cases {

/// Shapes of x; a bias or row has its last extent, a column its shape without the last axis.
inline const Shape broadcast_cases[] = {
    {1, 1},         // the smallest
    {1, 7},         // one row
    {13, 1},        // one column
    {5, 17},        // non-multiples of every vector
    {2, 3, 4, 5},   // channels last
    {0, 3},         // no rows: the row's gradient is 0
    {9},            // rank 1: a single row
    {1},            //
    {7},            //
    {3, 5},         //
    {0, 4},         //
    {4, 0},         // no columns
    {2, 3, 17},     //
    {2, 3, 5, 33},  // values alone from here on
    {1001, 67},     // several blocks of rows
};

inline std::vector<GradcheckCase> broadcast_gradchecks() {
  std::vector<GradcheckCase> checks;
  const auto check = [&](const char* op, Variable (*f)(const Variable&, const Variable&), const Shape& x, const Shape& other) {
    if (!fits_gradcheck(x.numel() + other.numel())) return;
    checks.push_back({.op = op,
                      .name = x.to_string(),
                      .function = [f](const std::vector<Variable>& in) { return f(in[0], in[1]); },
                      .inputs = {random_input(x, 31), random_input(other, 32)}});
  };
  for (const Shape& x : broadcast_cases) {
    const Shape row{x[-1]}, column = tensor::ops::without_last_axis(x);
    check("add_bias", add_bias, x, row);
    check("multiply_row", multiply_row, x, row);
    check("add_column", add_column, x, column);
    check("multiply_column", multiply_column, x, column);
  }
  return checks;
}

}  // namespace autograd::cases
