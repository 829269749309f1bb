#include "tensor/ops/broadcast.h"

#include "autograd/ops.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace autograd {

namespace ops = tensor::ops;

// derivation of add_row
//   y[r,c] = x[r,c] + row[c]
//   dx[r,c] = dy[r,c]
//   drow[c] = sum_r dy[r,c]
Variable add_row(const Variable& x, const Variable& row) {
  return record("add_row", ops::add_row(x.value(), row.value()), {x, row},
                [](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                  return {dy, needs_input_grad[1] ? ops::sum_rows(dy) : Tensor()};
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
                          needs_input_grad[1] ? ops::sum_rows(ops::multiply(dy, x)) : Tensor()};
                });
}

// derivation of add_column
//   y[r,c] = x[r,c] + column[r]
//   dx[r,c] = dy[r,c]
//   dcolumn[r] = sum_c dy[r,c]
Variable add_column(const Variable& x, const Variable& column) {
  return record("add_column", ops::add_column(x.value(), column.value()), {x, column},
                [](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                  return {dy, needs_input_grad[1] ? ops::sum_columns(dy) : Tensor()};
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
                          needs_input_grad[1] ? ops::sum_columns(ops::multiply(dy, x)) : Tensor()};
                });
}

}  // namespace autograd
