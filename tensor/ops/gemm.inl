// Loads and stores of vectors, and the register-tile GEMM of matmul and ALPA. Kernel files include it inside the namespace of an
// instruction set, so it has no include guard.

#include "tensor/ops/lanes.inl"

template <class T>
__attribute__((always_inline)) inline typename VectorOf<T>::type load(const T* from) {
  return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(from);
}
template <class T>
__attribute__((always_inline)) inline void store(T* to, typename VectorOf<T>::type value) {
  *reinterpret_cast<typename VectorOf<T>::unaligned*>(to) = value;
}

// A tile of gemm_rows x gemm_vectors vectors of results stays in registers: 6 x 2 leave 4 of AVX2's 16 registers for the operands, 12 x 2
// leave 8 of AVX-512's 32.
constexpr int gemm_rows = vector_registers >= 32 ? 12 : 6;
constexpr int gemm_vectors = 2;
template <class T>
constexpr int64_t panel_width = gemm_vectors* lanes_of<T>;

/// A(m, k) = data[group * (m / gemm_rows) + row * (m % gemm_rows) + step * k].
template <class T>
struct OperandA {
  const T* data;
  int64_t group, row, step;
};
/// A matrix that is not packed: its rows are `row` numbers apart, its columns `step`.
template <class T>
OperandA<T> in_place(const T* data, int64_t row, int64_t step) {
  return {data, gemm_rows * row, row, step};
}
/// B(k, n) = data[panel * (n / panel_width) + step * k + n % panel_width]. The last panel is full; its surplus columns are not used.
template <class T>
struct OperandB {
  const T* data;
  int64_t panel, step;
};

template <class T, int Rows>
__attribute__((always_inline)) inline void micro_kernel(int64_t depth, const T* left, const OperandA<T>& a, const T* right,
                                                        int64_t right_step, T* out, int64_t out_row, int64_t columns, bool add) {
  using Vector = typename VectorOf<T>::type;
  using Unaligned = typename VectorOf<T>::unaligned;
  constexpr int64_t lanes = lanes_of<T>;
  Vector tile[Rows][gemm_vectors] = {};
  for (int64_t k = 0; k < depth; ++k, left += a.step, right += right_step) {
    const Vector b0 = load(right), b1 = load(right + lanes);
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
      for (int v = 0; v < gemm_vectors; ++v) {
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
void gemm(int64_t rows, int64_t columns, int64_t depth, const OperandA<T>& a, const OperandB<T>& b, T* out, int64_t out_row, bool add) {
  for (int64_t first = 0; first < columns; first += panel_width<T>) {
    const T *left = a.data, *right = b.data + first / panel_width<T> * b.panel;
    T* to = out + first;
    int64_t row = 0;
    for (; row + gemm_rows <= rows; row += gemm_rows, left += a.group, to += gemm_rows * out_row)
      micro_kernel<T, gemm_rows>(depth, left, a, right, b.step, to, out_row, columns - first, add);
    for (; row + 4 <= rows; row += 4, left += 4 * a.row, to += 4 * out_row)
      micro_kernel<T, 4>(depth, left, a, right, b.step, to, out_row, columns - first, add);
    if (row + 2 <= rows) {
      micro_kernel<T, 2>(depth, left, a, right, b.step, to, out_row, columns - first, add);
      row += 2, left += 2 * a.row, to += 2 * out_row;
    }
    if (row < rows) micro_kernel<T, 1>(depth, left, a, right, b.step, to, out_row, columns - first, add);
  }
}
