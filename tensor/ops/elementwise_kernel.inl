// Loops over one block of elements; compiled once per instruction set (tensor/for_each_isa.h).

template <class To, class From, class Function>
void unary(const From* __restrict x, To* __restrict y, int64_t n, Function function) {
  for (int64_t i = 0; i < n; ++i) y[i] = function(x[i]);
}

template <class T, class Function>
void binary(const T* __restrict a, const T* __restrict b, T* __restrict y, int64_t n, Function function) {
  for (int64_t i = 0; i < n; ++i) y[i] = function(a[i], b[i]);
}

template <class T>
void add_into(T* acc, const T* x, int64_t n) {
#pragma GCC ivdep  // acc and x are one tensor or have nothing in common
  for (int64_t i = 0; i < n; ++i) acc[i] += x[i];
}

/// Nonzero when an element is infinite or NaN: x - x is then NaN, whose bits differ from 0.
template <class T, class Word>
Word not_finite(const T* x, int64_t n) {
  Word any = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T difference = x[i] - x[i];
    Word word;
    std::memcpy(&word, &difference, sizeof(T));
    any |= word;
  }
  return any;
}
