// The register tile under every dense product of the CPU: matmul's and ALPA's. Included by kernel files, inside the namespace of one
// instruction set: no include guard.
#include "tensor/ops/lanes.inl"

// 6 x 2 vectors of results leave 4 of AVX2's 16 registers for operands, 12 x 2 leave 8 of AVX-512's 32.
constexpr int product_rows = vector_registers >= 32 ? 12 : 6;
constexpr int product_vectors = 2;

template <class T>
constexpr int64_t panel_width = product_vectors* lanes_of<T>;

/// a(m, k), m = group * product_rows + r, stands at data[group * (m / product_rows) + row * r + step * k].
template <class T>
struct Left {
  const T* data;
  int64_t group, row, step;
};
/// A matrix whose rows are `row` numbers apart, its columns `step`.
template <class T>
Left<T> in_place(const T* data, int64_t row, int64_t step) {
  return {data, product_rows * row, row, step};
}
/// b(k, n) stands at data[panel * (n / panel_width) + step * k + n % panel_width], and a panel is whole: beyond the last column it may hold
/// anything.
template <class T>
struct Right {
  const T* data;
  int64_t panel, step;
};

template <class T, int Rows>
__attribute__((always_inline)) inline void product_tile(int64_t depth, const T* left, const Left<T>& a, const T* right, int64_t right_step,
                                                        T* out, int64_t out_row, int64_t columns, bool add) {
  using Vector = typename VectorOf<T>::type;
  using Unaligned = typename VectorOf<T>::unaligned;
  constexpr int64_t lanes = lanes_of<T>;
  Vector tile[Rows][product_vectors] = {};
  for (int64_t k = 0; k < depth; ++k, left += a.step, right += right_step) {
    const Vector b0 = *reinterpret_cast<const Unaligned*>(right), b1 = *reinterpret_cast<const Unaligned*>(right + lanes);
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r) {
      tile[r][0] += left[r * a.row] * b0;
      tile[r][1] += left[r * a.row] * b1;
    }
  }
  if (columns >= panel_width<T>) {
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < product_vectors; ++v) {
        Unaligned* to = reinterpret_cast<Unaligned*>(out + r * out_row + v * lanes);
        *to = add ? *to + tile[r][v] : tile[r][v];
      }
    return;
  }
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r) {
    T line[panel_width<T>];
    *reinterpret_cast<Unaligned*>(line) = tile[r][0];
    *reinterpret_cast<Unaligned*>(line + lanes) = tile[r][1];
    for (int64_t c = 0; c < columns; ++c) out[r * out_row + c] = add ? out[r * out_row + c] + line[c] : line[c];
  }
}

/// out[m][n] = (add: +=) sum_k a(m, k) b(k, n).
template <class T>
void product(int64_t rows, int64_t columns, int64_t depth, const Left<T>& a, const Right<T>& b, T* out, int64_t out_row, bool add) {
  for (int64_t first = 0; first < columns; first += panel_width<T>) {
    const T *left = a.data, *right = b.data + first / panel_width<T> * b.panel;
    T* to = out + first;
    int64_t row = 0;
    for (; row + product_rows <= rows; row += product_rows, left += a.group, to += product_rows * out_row)
      product_tile<T, product_rows>(depth, left, a, right, b.step, to, out_row, columns - first, add);
    for (; row + 4 <= rows; row += 4, left += 4 * a.row, to += 4 * out_row)
      product_tile<T, 4>(depth, left, a, right, b.step, to, out_row, columns - first, add);
    if (row + 2 <= rows) {
      product_tile<T, 2>(depth, left, a, right, b.step, to, out_row, columns - first, add);
      row += 2, left += 2 * a.row, to += 2 * out_row;
    }
    if (row < rows) product_tile<T, 1>(depth, left, a, right, b.step, to, out_row, columns - first, add);
  }
}
