// The inner part of mode/alpa/alpa_cpu.cpp, once per instruction set (tensor/for_each_isa.h).
//
// A tile holds, for the regions t of some images j (rows) and the anchors a, regions of some images i (columns), one number a pair.
// With anchors in lanes, softmax over t and every sum over t run down the columns, whatever R is, and need no sum across lanes.
#include "tensor/ops/gemm.inl"

/// k_j . q_i / sqrt C for all regions of the images with the block's anchors.
template <class T>
void score(const AlpaProblem<T>& problem, const AlpaBlock& anchors, const AlpaBlock& images, T* scores) {
  const AlpaShape& shape = problem.shape;
  const int64_t width = panel_width<T>, c = shape.width;
  gemm<T>(images.rows, shape.anchors, c, in_place(problem.k + images.row * c, c, 1),
          {problem.q_anchors + anchors.no * shape.anchors * c, c * width, width}, scores, shape.anchors, false);
}

/// v_j . v_i.
template <class T>
void multiply_values(const AlpaProblem<T>& problem, const AlpaBlock& anchors, const AlpaBlock& images, T* products) {
  const AlpaShape& shape = problem.shape;
  const int64_t width = panel_width<T>, c = shape.width;
  gemm<T>(images.rows, shape.anchors, c, in_place(problem.v + images.row * c, c, 1),
          {problem.v_anchors + anchors.no * shape.anchors * c, c * width, width}, products, shape.anchors, false);
}

/// The same products with anchors and images exchanged: of `rows` rows and `columns` columns, to rows as long as those of `from`.
template <class T>
void mirror(const AlpaShape& shape, int64_t rows, int64_t columns, const T* __restrict from, T* __restrict to) {
  for (int64_t column = 0; column < columns; ++column)
    for (int64_t row = 0; row < shape.anchors; ++row)
      to[column * shape.anchors + row] = row < rows ? from[row * shape.anchors + column] : T(0);
}

/// scores -> e = exp(score - maximum), in place; u = G e; the cosine of every anchor with image j as the anchor sees it, and 1 / |e v_j|
/// (0 where |A v_j| is nearly nothing). e stands for the attention e / sum e: a cosine does not see its length. Matrices are (regions,
/// anchors).
template <class T>
void attend(const AlpaProblem<T>& problem, const AlpaBlock& block, int64_t image, T* __restrict e, const T* __restrict products,
            const AlpaScratch<T>& scratch) {
  const int64_t regions = problem.shape.regions, anchors = problem.shape.anchors;
  const T* __restrict anchor_scale = problem.anchor_scale + block.no * anchors;
  T* __restrict u = scratch.u, * __restrict cosine = scratch.cosine, * __restrict sum = scratch.inverse_norm, * __restrict line = scratch.line;
  T* largest = line;
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
  T* square = line;
#pragma GCC ivdep
  for (int64_t a = 0; a < anchors; ++a) square[a] = 0;
  for (int64_t t = 0; t < regions; ++t)
#pragma GCC ivdep
    for (int64_t a = 0; a < anchors; ++a) square[a] += e[t * anchors + a] * u[t * anchors + a];
  T* inverse_norm = sum;
#pragma GCC ivdep
  for (int64_t a = 0; a < anchors; ++a) {
    const bool counts = square[a] > T(1e-16) * sum[a] * sum[a];
    const T inverse = 1 / std::sqrt(counts ? square[a] : T(1));
    inverse_norm[a] = counts ? inverse : T(0);
    cosine[a] *= inverse_norm[a] * anchor_scale[a];
  }
}

/// sums[t][s] += sum_a h[a] p[t][a] p[s][a] for the regions t, s of one image: the lower triangle, in pieces of 4 x 2, whose sums and
/// operands fit 16 registers.
template <class T>
void add_gram_grad(const AlpaShape& shape, const T* p, const T* h, T* sums) {
  using Vector = typename VectorOf<T>::type;
  using Unaligned = typename VectorOf<T>::unaligned;
  constexpr int64_t lanes = lanes_of<T>;
  const int64_t regions = shape.regions, anchors = shape.anchors;
  for (int64_t t = 0; t < regions; t += 4) {
    const T* left[4];
    for (int64_t i = 0; i < 4; ++i) left[i] = p + (t + i < regions ? t + i : regions - 1) * anchors;  // beyond the end: dropped below
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
          sums[(t + i) * regions + s + j] += sum;
        }
    }
  }
}

/// dc (in scratch.line) of an image that attend() has just seen -> dscore in e, d(v_j . v_i) in products, the image's 2 dG, and
/// dc c of the anchors.
template <class T>
void attend_grad(const AlpaProblem<T>& problem, const AlpaBlock& block, int64_t image, T* __restrict e, T* __restrict products,
                 const AlpaScratch<T>& scratch, const AlpaSums<T>& sums) {
  const int64_t regions = problem.shape.regions, anchors = problem.shape.anchors;
  const T* __restrict u = scratch.u, * __restrict anchor_scale = problem.anchor_scale + block.no * anchors;
  T* __restrict shift = scratch.cosine, * __restrict h = scratch.inverse_norm, * __restrict scale = scratch.line;
  T* __restrict radial = sums.radial + block.no * anchors;
#pragma GCC ivdep
  for (int64_t a = 0; a < anchors; ++a) {
    radial[a] += scale[a] * shift[a];
    scale[a] *= h[a];
    shift[a] *= h[a];
    h[a] = -scale[a] * shift[a];
  }
  add_gram_grad(problem.shape, e, h, sums.gram + image * regions * regions);
  for (int64_t t = 0; t < regions; ++t)
#pragma GCC ivdep
    for (int64_t a = 0; a < anchors; ++a) {
      const int64_t at = t * anchors + a;
      const T share = e[at] * scale[a];
      e[at] = share * (products[at] * anchor_scale[a] - shift[a] * u[at]);
      products[at] = share * anchor_scale[a];
    }
}

/// dq of the anchors and dk of the images.
template <class T>
void spread_scores(const AlpaProblem<T>& problem, const AlpaBlock& anchors, const AlpaBlock& images, const T* dscores,
                   const AlpaSums<T>& sums) {
  const AlpaShape& shape = problem.shape;
  const int64_t width = panel_width<T>, panel = shape.images * shape.regions * width, pitch = shape.padded_width;
  gemm<T>(anchors.rows, pitch, images.rows, in_place(dscores, 1, shape.anchors), {problem.k_panels + images.row * width, panel, width},
          sums.dq + anchors.row * pitch, pitch, true);
  gemm<T>(images.rows, pitch, anchors.rows, in_place(dscores, shape.anchors, 1), {problem.q_panels + anchors.row * width, panel, width},
          sums.dk + images.row * pitch, pitch, true);
}

/// dv of both, from the gradients of v_j . v_i as the block's anchors see them and, if not null, as those of the images do.
template <class T>
void spread_values(const AlpaProblem<T>& problem, const AlpaBlock& anchors, const AlpaBlock& images, T* __restrict d,
                   const T* __restrict mirrored, const AlpaSums<T>& sums) {
  const AlpaShape& shape = problem.shape;
  const int64_t width = panel_width<T>, panel = shape.images * shape.regions * width, pitch = shape.padded_width;
  if (mirrored != nullptr)
    for (int64_t row = 0; row < images.rows; ++row)
      for (int64_t column = 0; column < anchors.rows; ++column) d[row * shape.anchors + column] += mirrored[column * shape.anchors + row];
  gemm<T>(anchors.rows, pitch, images.rows, in_place<T>(d, 1, shape.anchors), {problem.v_panels + images.row * width, panel, width},
          sums.dv + anchors.row * pitch, pitch, true);
  gemm<T>(images.rows, pitch, anchors.rows, in_place<T>(d, shape.anchors, 1), {problem.v_panels + anchors.row * width, panel, width},
          sums.dv + images.row * pitch, pitch, true);
}

template <class T>
AlpaKernels<T> alpa_kernels() {
  return {panel_width<T>, score<T>, multiply_values<T>, mirror<T>, attend<T>, attend_grad<T>, spread_scores<T>, spread_values<T>};
}
