// The inner loops of broadcast, softmax, cross_entropy and l2_normalize: rows of a matrix. Compiled once per instruction set
// (tensor/for_each_isa.h), after elementwise_functors.h.
#include "tensor/ops/lanes.inl"

/// y[r,c] = function(x[r,c], row[c])
template <class T, class Function>
void with_row(const T* __restrict x, const T* __restrict row, T* __restrict y, int64_t rows, int64_t columns, Function function) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) y[r * columns + c] = function(x[r * columns + c], row[c]);
}

/// y[r,c] = function(x[r,c], column[r])
template <class T, class Function>
void with_column(const T* __restrict x, const T* __restrict column, T* __restrict y, int64_t rows, int64_t columns, Function function) {
  for (int64_t r = 0; r < rows; ++r) {
    const T value = column[r];
    for (int64_t c = 0; c < columns; ++c) y[r * columns + c] = function(x[r * columns + c], value);
  }
}

/// y[c] = exp(x[c] - shift), the sum of all in double. x and y may be the same.
template <class T>
double exp_row(const T* x, T shift, T* y, int64_t columns) {
#pragma GCC ivdep
  for (int64_t c = 0; c < columns; ++c) y[c] = Exp{}(x[c] - shift);
  return sum_of(y, columns);
}

/// y[c] = scale * (x[c] + shift). x and y may be the same.
template <class T>
void shift_and_scale(const T* x, T shift, T scale, T* y, int64_t columns) {
#pragma GCC ivdep
  for (int64_t c = 0; c < columns; ++c) y[c] = scale * (x[c] + shift);
}

/// y = exp(x - max) / sum, row by row
template <class T>
void softmax_rows(const T* x, T* y, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r, x += columns, y += columns) {
    const double sum = exp_row(x, max_of(x, columns), y, columns);
    shift_and_scale(y, T(0), static_cast<T>(1 / sum), y, columns);
  }
}
