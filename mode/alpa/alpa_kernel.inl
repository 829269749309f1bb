// The tile kernels of mode/alpa/alpa_cpu.cpp, compiled once per instruction set (tensor/for_each_isa.h).
//
// A tile has one number per pair of a region t of images j (row) and an anchor a, a region of images i (column). Anchors are in vector
// lanes: softmax over t and every sum over t run down the columns for any R, and no sum crosses lanes.
#include "tensor/ops/gemm.inl"

/// Attention scores k_j . q_i / sqrt C of all regions of `images` with the block's anchors.
template <class T>
void compute_scores(const AlpaProblem<T>& problem, const AlpaBlock& anchors, const AlpaBlock& images, T* scores) {
  const AlpaShape& shape = problem.shape;
  const int64_t width = panel_width<T>, c = shape.width;
  gemm<T>(images.rows, shape.anchors, c, in_place(problem.k + images.row * c, c, 1),
          {problem.q_anchors + anchors.index * shape.anchors * c, c * width, width}, scores, shape.anchors, false);
}

/// w of eq. (9): v_j . v_i.
template <class T>
void compute_products(const AlpaProblem<T>& problem, const AlpaBlock& anchors, const AlpaBlock& images, T* products) {
  const AlpaShape& shape = problem.shape;
  const int64_t width = panel_width<T>, c = shape.width;
  gemm<T>(images.rows, shape.anchors, c, in_place(problem.v + images.row * c, c, 1),
          {problem.v_anchors + anchors.index * shape.anchors * c, c * width, width}, products, shape.anchors, false);
}

/// The transpose of a tile of rows x columns: the products with anchors and images exchanged.
template <class T>
void transpose(const AlpaShape& shape, int64_t rows, int64_t columns, const T* __restrict from, T* __restrict to) {
  for (int64_t column = 0; column < columns; ++column)
    for (int64_t row = 0; row < shape.anchors; ++row)
      to[column * shape.anchors + row] = row < rows ? from[row * shape.anchors + column] : T(0);
}

/// eq. (9) for one image j and all anchors, in matrices (regions, anchors). Replaces scores by e = exp(score - maximum) and writes u = G e,
/// the cosine of each anchor, and 1 / |e v_j| (0 where |A v_j| < 1e-8). e replaces the attention e / sum e: the cosine does not depend on
/// its length.
template <class T>
void attention_forward(const AlpaProblem<T>& problem, const AlpaBlock& block, int64_t image, T* __restrict e, const T* __restrict products,
                       const AlpaScratch<T>& scratch) {
  const int64_t regions = problem.shape.regions, anchors = problem.shape.anchors;
  const T* __restrict anchor_scale = problem.anchor_scale + block.index * anchors;
  T* __restrict u = scratch.u, * __restrict cosine = scratch.cosine, * __restrict sum = scratch.inverse_norm, * __restrict workspace = scratch.workspace;
  T* largest = workspace;
#pragma GCC ivdep
  for (int64_t a = 0; a < anchors; ++a) {
    largest[a] = e[a];
    sum[a] = 0;
    cosine[a] = 0;
  }
  for (int64_t t = 1; t < regions; ++t)
#pragma GCC ivdep
    for (int64_t a = 0; a < anchors; ++a) largest[a] = e[t * anchors + a] > largest[a] ? e[t * anchors + a] : largest[a];
  for (int64_t t = 0; t < regions; ++t)
#pragma GCC ivdep
    for (int64_t a = 0; a < anchors; ++a) {
      const T share = tensor::ops::Exp{}(e[t * anchors + a] - largest[a]);
      e[t * anchors + a] = share;
      sum[a] += share;
      cosine[a] += share * products[t * anchors + a];
    }
  gemm<T>(regions, anchors, regions, in_place(problem.gram + image * regions * regions, regions, 1), {e, panel_width<T>, anchors}, u,
          anchors, false);
  T* square = workspace;
#pragma GCC ivdep
  for (int64_t a = 0; a < anchors; ++a) square[a] = 0;
  for (int64_t t = 0; t < regions; ++t)
#pragma GCC ivdep
    for (int64_t a = 0; a < anchors; ++a) square[a] += e[t * anchors + a] * u[t * anchors + a];
  T* inverse_norm = sum;
#pragma GCC ivdep
  for (int64_t a = 0; a < anchors; ++a) {
    const bool is_nonzero = square[a] > T(1e-16) * sum[a] * sum[a];
    const T inverse = 1 / std::sqrt(is_nonzero ? square[a] : T(1));
    inverse_norm[a] = is_nonzero ? inverse : T(0);
    cosine[a] *= inverse_norm[a] * anchor_scale[a];
  }
}

/// dgram[t][s] += sum_a h[a] p[t][a] p[s][a] for the regions t, s of one image. Only the lower triangle, in tiles of 4 x 2: accumulators
/// and operands fit 16 registers.
template <class T>
void add_dgram(const AlpaShape& shape, const T* p, const T* h, T* dgram) {
  using Vector = typename VectorOf<T>::type;
  using Unaligned = typename VectorOf<T>::unaligned;
  constexpr int64_t lanes = lanes_of<T>;
  const int64_t regions = shape.regions, anchors = shape.anchors;
  for (int64_t t = 0; t < regions; t += 4) {
    const T* left[4];
    for (int64_t i = 0; i < 4; ++i) left[i] = p + (t + i < regions ? t + i : regions - 1) * anchors;  // rows past the end are not stored
    for (int64_t s = 0; s < t + 4 && s < regions; s += 2) {
      const T *right0 = p + s * anchors, *right1 = p + (s + 1 < regions ? s + 1 : s) * anchors;
      Vector tile[4][2] = {};
      for (int64_t a = 0; a < anchors; a += lanes) {
        const Vector weight = *reinterpret_cast<const Unaligned*>(h + a);
        const Vector r0 = *reinterpret_cast<const Unaligned*>(right0 + a) * weight;
        const Vector r1 = *reinterpret_cast<const Unaligned*>(right1 + a) * weight;
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          const Vector l = *reinterpret_cast<const Unaligned*>(left[i] + a);
          tile[i][0] += l * r0;
          tile[i][1] += l * r1;
        }
      }
      for (int64_t i = 0; i < 4 && t + i < regions; ++i)
        for (int64_t j = 0; j < 2 && s + j < regions; ++j) {
          T sum = 0;
          for (int64_t lane = 0; lane < lanes; ++lane) sum += tile[i][j][lane];
          dgram[(t + i) * regions + s + j] += sum;
        }
    }
  }
}

/// eq. (10), after attention_forward() of the same image, with dc in scratch.workspace. Replaces e by dscore and products by dw; adds to
/// 2 dG of the image and to dc c of the anchors.
template <class T>
void attention_backward(const AlpaProblem<T>& problem, const AlpaBlock& block, int64_t image, T* __restrict e, T* __restrict products,
                        const AlpaScratch<T>& scratch, const AlpaSums<T>& sums) {
  const int64_t regions = problem.shape.regions, anchors = problem.shape.anchors;
  const T* __restrict u = scratch.u, * __restrict anchor_scale = problem.anchor_scale + block.index * anchors;
  T* __restrict shift = scratch.cosine, * __restrict h = scratch.inverse_norm, * __restrict scale = scratch.workspace;
  T* __restrict radial = sums.radial + block.index * anchors;
#pragma GCC ivdep
  for (int64_t a = 0; a < anchors; ++a) {
    radial[a] += scale[a] * shift[a];
    scale[a] *= h[a];
    shift[a] *= h[a];
    h[a] = -scale[a] * shift[a];
  }
  add_dgram(problem.shape, e, h, sums.dgram + image * regions * regions);
  for (int64_t t = 0; t < regions; ++t)
#pragma GCC ivdep
    for (int64_t a = 0; a < anchors; ++a) {
      const int64_t at = t * anchors + a;
      const T share = e[at] * scale[a];
      e[at] = share * (products[at] * anchor_scale[a] - shift[a] * u[at]);
      products[at] = share * anchor_scale[a];
    }
}

/// dq of the anchors and dk of the images, from dscore.
template <class T>
void add_dq_dk(const AlpaProblem<T>& problem, const AlpaBlock& anchors, const AlpaBlock& images, const T* dscores,
               const AlpaSums<T>& sums) {
  const AlpaShape& shape = problem.shape;
  const int64_t width = panel_width<T>, panel = shape.images * shape.regions * width, pitch = shape.padded_width;
  gemm<T>(anchors.rows, pitch, images.rows, in_place(dscores, 1, shape.anchors), {problem.k_panels + images.row * width, panel, width},
          sums.dq + anchors.row * pitch, pitch, true);
  gemm<T>(images.rows, pitch, anchors.rows, in_place(dscores, shape.anchors, 1), {problem.q_panels + anchors.row * width, panel, width},
          sums.dk + images.row * pitch, pitch, true);
}

/// dv of anchors and images, from dw of the direction (anchors, images) and, unless null, the transposed direction's.
template <class T>
void add_dv(const AlpaProblem<T>& problem, const AlpaBlock& anchors, const AlpaBlock& images, T* __restrict dproducts,
            const T* __restrict transposed, const AlpaSums<T>& sums) {
  const AlpaShape& shape = problem.shape;
  const int64_t width = panel_width<T>, panel = shape.images * shape.regions * width, pitch = shape.padded_width;
  if (transposed != nullptr)
    for (int64_t row = 0; row < images.rows; ++row)
      for (int64_t column = 0; column < anchors.rows; ++column)
        dproducts[row * shape.anchors + column] += transposed[column * shape.anchors + row];
  gemm<T>(anchors.rows, pitch, images.rows, in_place<T>(dproducts, 1, shape.anchors), {problem.v_panels + images.row * width, panel, width},
          sums.dv + anchors.row * pitch, pitch, true);
  gemm<T>(images.rows, pitch, anchors.rows, in_place<T>(dproducts, shape.anchors, 1),
          {problem.v_panels + anchors.row * width, panel, width}, sums.dv + images.row * pitch, pitch, true);
}

template <class T>
AlpaKernels<T> alpa_kernels() {
  return {.panel_width = panel_width<T>,
          .compute_scores = compute_scores<T>,
          .compute_products = compute_products<T>,
          .transpose = transpose<T>,
          .attention_forward = attention_forward<T>,
          .attention_backward = attention_backward<T>,
          .add_dq_dk = add_dq_dk<T>,
          .add_dv = add_dv<T>};
}
