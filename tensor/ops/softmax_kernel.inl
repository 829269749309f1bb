// One row at a time; compiled once per instruction set (tensor/for_each_isa.h).
#include "tensor/ops/lanes.inl"

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

/// dx = y * (dy - dot)
template <class T>
void softmax_grad_row(const T* __restrict y, const T* __restrict dy, T dot, T* __restrict dx, int64_t columns) {
  for (int64_t c = 0; c < columns; ++c) dx[c] = y[c] * (dy[c] - dot);
}

/// dx = dy - exp(y) * sum
template <class T>
void log_softmax_grad_row(const T* __restrict y, const T* __restrict dy, T sum, T* __restrict dx, int64_t columns) {
  for (int64_t c = 0; c < columns; ++c) dx[c] = dy[c] - Exp{}(y[c]) * sum;
}
