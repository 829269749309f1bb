#include "tensor/ops/broadcast.h"

#include "autograd/ops.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/ops/reduce.h"

namespace autograd {

namespace ops = tensor::ops;

namespace {
/// sum_r x[r,c] over all axes but the last.
Tensor sum_over_rows(const Tensor& x) {
  const auto [rows, columns] = ops::as_matrix(x);
  return ops::sum(x.reshape(Shape{rows, columns}), 0);
}
}  // namespace

// derivation of add_bias
//   y[r,c] = x[r,c] + bias[c]
//   dx[r,c] = dy[r,c]
//   dbias[c] = sum_r dy[r,c]
Variable add_bias(const Variable& x, const Variable& bias) {
  return record("add_bias", ops::add_bias(x.value(), bias.value()), {x, bias},
                [](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                  return {dy, needs_input_grad[1] ? sum_over_rows(dy) : Tensor()};
                });
}

// derivation of multiply_row
//   y[r,c] = x[r,c] row[c]
//   dx[r,c] = dy[r,c] row[c]
//   drow[c] = sum_r dy[r,c] x[r,c]
Variable multiply_row(const Variable& x, const Variable& row) {
  return record("multiply_row", ops::multiply_row(x.value(), row.value()), {x, row},
                [x = x.value(), row = row.value()](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                  return {needs_input_grad[0] ? ops::multiply_row(dy, row) : Tensor(),
                          needs_input_grad[1] ? sum_over_rows(ops::multiply(dy, x)) : Tensor()};
                });
}

// derivation of add_column
//   y[r,c] = x[r,c] + column[r]
//   dx[r,c] = dy[r,c]
//   dcolumn[r] = sum_c dy[r,c]
Variable add_column(const Variable& x, const Variable& column) {
  return record("add_column", ops::add_column(x.value(), column.value()), {x, column},
                [](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                  return {dy, needs_input_grad[1] ? ops::sum(dy, -1) : Tensor()};
                });
}

// derivation of multiply_column
//   y[r,c] = x[r,c] column[r]
//   dx[r,c] = dy[r,c] column[r]
//   dcolumn[r] = sum_c dy[r,c] x[r,c]
Variable multiply_column(const Variable& x, const Variable& column) {
  return record("multiply_column", ops::multiply_column(x.value(), column.value()), {x, column},
                [x = x.value(), column = column.value()](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                  return {needs_input_grad[0] ? ops::multiply_column(dy, column) : Tensor(),
                          needs_input_grad[1] ? ops::sum(ops::multiply(dy, x), -1) : Tensor()};
                });
}

}  // namespace autograd
