// The oracles of the broadcasts: x[r,c] with row[c] or column[r].

#include "tensor/ops/broadcast.h"
#include "tensor/ops/naive.h"

namespace tensor::ops::naive {
namespace {

/// y[r,c] = combine(x[r,c], other[at(r, c)])
template <class At, class Combine>
Tensor combined(const Tensor& x, const Tensor& other, const At& at, const Combine& combine) {
  const std::vector<double> left = x.to_vector(), right = other.to_vector();
  return by_element(x, [&](int64_t r, int64_t c) { return combine(left[r * x.dim(-1) + c], right[at(r, c)]); });
}

int64_t of_row(int64_t, int64_t c) { return c; }
int64_t of_column(int64_t r, int64_t) { return r; }
double plus(double a, double b) { return a + b; }
double times(double a, double b) { return a * b; }

}  // namespace

Tensor add_row(const Tensor& x, const Tensor& row) { return combined(x, row, of_row, plus); }
Tensor multiply_row(const Tensor& x, const Tensor& row) { return combined(x, row, of_row, times); }
Tensor add_column(const Tensor& x, const Tensor& column) { return combined(x, column, of_column, plus); }
Tensor multiply_column(const Tensor& x, const Tensor& column) { return combined(x, column, of_column, times); }

}  // namespace tensor::ops::naive
