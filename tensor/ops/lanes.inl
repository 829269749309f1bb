// Sums and maxima of a row in vector lanes. Included by kernel files, inside the namespace of one instruction set: no include guard.
// GCC does not reorder floating-point sums by itself, so the lanes are written out with its vector extension.

/// A full vector of T, and the same at an address of any alignment.
template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(vector_bytes)));
  typedef T unaligned __attribute__((vector_size(vector_bytes), aligned(alignof(T)), may_alias));
};
template <class T>
constexpr int64_t lanes_of = vector_bytes / static_cast<int64_t>(sizeof(T));

/// As many elements as doubles fill a vector; sums run in double for every T.
template <class T>
struct Lanes {
  static constexpr int count = vector_bytes / 8;
  typedef T Part __attribute__((vector_size(count * sizeof(T))));
  typedef double Wide __attribute__((vector_size(vector_bytes)));
};

template <class T>
inline __attribute__((always_inline)) typename Lanes<T>::Wide load_wide(const T* at) {
  typename Lanes<T>::Part part;
  std::memcpy(&part, at, sizeof(part));
  return __builtin_convertvector(part, typename Lanes<T>::Wide);
}

template <class T>
double sum_of(const T* x, int64_t n) {
  constexpr int count = Lanes<T>::count;
  typename Lanes<T>::Wide sum0{}, sum1{}, sum2{}, sum3{};
  int64_t i = 0;
  for (; i + 4 * count <= n; i += 4 * count) {
    sum0 += load_wide(x + i);
    sum1 += load_wide(x + i + count);
    sum2 += load_wide(x + i + 2 * count);
    sum3 += load_wide(x + i + 3 * count);
  }
  for (; i + count <= n; i += count) sum0 += load_wide(x + i);
  sum0 = (sum0 + sum1) + (sum2 + sum3);
  double sum = 0;
  for (int lane = 0; lane < count; ++lane) sum += sum0[lane];
  for (; i < n; ++i) sum += static_cast<double>(x[i]);
  return sum;
}

template <class T>
double dot(const T* a, const T* b, int64_t n) {
  constexpr int count = Lanes<T>::count;
  typename Lanes<T>::Wide sum0{}, sum1{};
  int64_t i = 0;
  for (; i + 2 * count <= n; i += 2 * count) {
    sum0 += load_wide(a + i) * load_wide(b + i);
    sum1 += load_wide(a + i + count) * load_wide(b + i + count);
  }
  sum0 += sum1;
  double sum = 0;
  for (int lane = 0; lane < count; ++lane) sum += sum0[lane];
  for (; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

/// Maximum of n >= 1 elements; NaN wins.
template <class T>
T max_of(const T* x, int64_t n) {
  constexpr int count = vector_bytes / static_cast<int>(sizeof(T));
  typedef T Vector __attribute__((vector_size(vector_bytes)));
  T best = x[0], strange = x[0] - x[0];
  int64_t i = 1;
  if (n >= count) {
    Vector lanes, next, strange_lanes;
    std::memcpy(&lanes, x, sizeof(lanes));
    // x - x is NaN where x is NaN or infinite, else 0; the sum of these says whether a closer look is due.
    strange_lanes = lanes - lanes;
    for (i = count; i + count <= n; i += count) {
      std::memcpy(&next, x + i, sizeof(next));
      strange_lanes += next - next;
      lanes = next > lanes ? next : lanes;
    }
    for (int lane = 0; lane < count; ++lane) {
      strange += strange_lanes[lane];
      best = lanes[lane] > best ? lanes[lane] : best;
    }
  }
  for (; i < n; ++i) {
    strange += x[i] - x[i];
    best = x[i] > best ? x[i] : best;
  }
  if (strange == 0) return best;
  best = x[0];
  for (i = 1; i < n; ++i) best = x[i] > best || x[i] != x[i] ? x[i] : best;
  return best;
}

/// sums[c] += sum of column c over `rows` rows. Four rows are added in T, the fours in double.
template <class T>
void accumulate_rows(const T* __restrict x, int64_t rows, int64_t columns, double* __restrict sums) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const T *x0 = x + r * columns, *x1 = x0 + columns, *x2 = x1 + columns, *x3 = x2 + columns;
    for (int64_t c = 0; c < columns; ++c) sums[c] += static_cast<double>((x0[c] + x1[c]) + (x2[c] + x3[c]));
  }
  for (; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) sums[c] += static_cast<double>(x[r * columns + c]);
}
