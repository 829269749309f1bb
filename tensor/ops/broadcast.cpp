#include "tensor/ops/broadcast.h"

#include "tensor/ops/matrix_view.h"
#include "tensor/ops/naive.h"

namespace tensor::ops {
namespace {

void check_row(const char* op, const Tensor& x, const Argument& row) {
  check_shape(op, row, {as_matrix(x, op).columns});
  check_same_kind(op, {"x", x}, row);
  check_floating(op, {"x", x});
}

void check_column(const char* op, const Tensor& x, const Tensor& column) {
  as_matrix(x, op);
  check_shape(op, {"column", column}, without_last_axis(x.shape()));
  check_same_kind(op, {"x", x}, {"column", column});
  check_floating(op, {"x", x});
}

}  // namespace

Tensor add_bias(const Tensor& x, const Tensor& bias) {
  check_row("add_bias", x, {"bias", bias});
  DISPATCH_DEVICE(x, add_bias, x, bias);
}

Tensor multiply_row(const Tensor& x, const Tensor& row) {
  check_row("multiply_row", x, {"row", row});
  DISPATCH_DEVICE(x, multiply_row, x, row);
}

Tensor add_column(const Tensor& x, const Tensor& column) {
  check_column("add_column", x, column);
  DISPATCH_DEVICE(x, add_column, x, column);
}

Tensor multiply_column(const Tensor& x, const Tensor& column) {
  check_column("multiply_column", x, column);
  DISPATCH_DEVICE(x, multiply_column, x, column);
}

namespace naive {
namespace {

/// y[r,c] = combine(x[r,c], vector[at(r, c)])
template <class At, class Combine>
Tensor combined(const Tensor& x, const Tensor& vector, const At& at, const Combine& combine) {
  const std::vector<double> left = x.to_vector(), right = vector.to_vector();
  return by_element(x, [&](int64_t r, int64_t c) { return combine(left[r * x.dim(-1) + c], right[at(r, c)]); });
}

int64_t column_index(int64_t, int64_t c) { return c; }
int64_t row_index(int64_t r, int64_t) { return r; }
double plus(double a, double b) { return a + b; }
double times(double a, double b) { return a * b; }

}  // namespace

Tensor add_bias(const Tensor& x, const Tensor& bias) { return combined(x, bias, column_index, plus); }
Tensor multiply_row(const Tensor& x, const Tensor& row) { return combined(x, row, column_index, times); }
Tensor add_column(const Tensor& x, const Tensor& column) { return combined(x, column, row_index, plus); }
Tensor multiply_column(const Tensor& x, const Tensor& column) { return combined(x, column, row_index, times); }

}  // namespace naive
}  // namespace tensor::ops
