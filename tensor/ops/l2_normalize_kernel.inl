// One row at a time; compiled once per instruction set (tensor/for_each_isa.h).
#include "tensor/ops/lanes.inl"

/// y = scale * x
template <class T>
void scaled_row(const T* __restrict x, T scale, T* __restrict y, int64_t columns) {
  for (int64_t c = 0; c < columns; ++c) y[c] = scale * x[c];
}

/// y = a * dy - b * x
template <class T>
void combined_row(const T* __restrict dy, T a, const T* __restrict x, T b, T* __restrict y, int64_t columns) {
  for (int64_t c = 0; c < columns; ++c) y[c] = a * dy[c] - b * x[c];
}
