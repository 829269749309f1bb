// The inner loops of matmul, compiled once per instruction set (tensor/for_each_isa.h).
#include "tensor/ops/gemm.inl"

// This much of a panel of B stays in the L1 cache while it multiplies the rows of a block.
constexpr int64_t resident_bytes = vector_registers >= 32 ? 32768 : 16384;

/// Panels of `Width`: to[panel][k][i] = from[(panel * Width + i) * across + k * along], 0 where panel * Width + i >= count.
template <class T, int64_t Width>
void pack(const T* from, int64_t across, int64_t along, int64_t count, int64_t depth, T* to) {
  // Rows that are a power of two apart share few sets of the L1 cache, so only a few are read at once.
  const int64_t few = across == 1 ? 8 : depth;
  const int64_t whole = count / Width * Width;
  for (int64_t begin = 0; begin < depth; begin += few) {
    const int64_t end = depth - begin < few ? depth : begin + few;
    for (int64_t at = 0; at < whole; at += Width) {
      T* panel = to + at * depth;
      if (across == 1) {
        for (int64_t k = begin; k < end; ++k) {
          __builtin_prefetch(from + at + (k + few) * along);
          __builtin_memcpy(panel + k * Width, from + at + k * along, Width * sizeof(T));
        }
      } else {
        for (int64_t k = begin; k < end; ++k)
#pragma GCC unroll 16
          for (int64_t i = 0; i < Width; ++i) panel[k * Width + i] = from[(at + i) * across + k * along];
      }
    }
  }
  if (whole == count) return;
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t i = 0; i < Width; ++i)
      to[whole * depth + k * Width + i] = whole + i < count ? from[(whole + i) * across + k * along] : T(0);
}

template <class T>
void pack_b(const MatmulProblem<T>& p, int64_t k, int64_t depth, int64_t first_column, int64_t columns, T* panels) {
  pack<T, panel_width<T>>(p.b + k * p.b_row + first_column * p.b_column, p.b_column, p.b_row, columns, depth, panels);
}

template <class T>
void multiply(const MatmulProblem<T>& p, int64_t k, int64_t depth, const MatmulBlock& block, const T* panels, T* scratch) {
  const T* a = p.a + block.row * p.a_row + k * p.a_column;
  OperandA<T> operand = in_place(a, p.a_row, p.a_column);
  if (scratch != nullptr) {
    pack<T, gemm_rows>(a, p.a_row, p.a_column, block.rows, depth, scratch);
    operand = {scratch, gemm_rows * depth, 1, gemm_rows};
  }
  gemm<T>(block.rows, block.columns, depth, operand, {panels, depth * panel_width<T>, panel_width<T>}, p.y + block.row * p.n + block.column,
          p.n, k > 0);
}

template <class T>
MatmulKernels<T> matmul_kernels() {
  return {gemm_rows, panel_width<T>, resident_bytes / (gemm_vectors * vector_bytes), pack_b<T>, multiply<T>};
}
