// Sums over runs of pixels, and their spreading; compiled once per instruction set (tensor/for_each_isa.h).
#include "tensor/ops/lanes.inl"

/// y = sums / area
template <class T>
void divide_sums(const double* __restrict sums, double area, T* __restrict y, int64_t channels) {
  for (int64_t c = 0; c < channels; ++c) y[c] = static_cast<T>(sums[c] / area);
}

/// y = factor * x, or added to y
template <class T>
void put_scaled(const T* __restrict x, T factor, T* __restrict y, int64_t channels) {
  for (int64_t c = 0; c < channels; ++c) y[c] = factor * x[c];
}
template <class T>
void add_scaled(const T* __restrict x, T factor, T* __restrict y, int64_t channels) {
  for (int64_t c = 0; c < channels; ++c) y[c] += factor * x[c];
}
