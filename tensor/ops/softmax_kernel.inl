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
