// The inner part of mode/alpa_cpu.cpp, once per instruction set (tensor/for_each_isa.h).
//
// A tile holds, for the regions t of some pictures j (rows) and the anchors a, regions of some pictures i (columns), one number a pair.
// With anchors in lanes, softmax over t and every sum over t run down the columns, whatever R is, and need no sum across lanes.

#include "tensor/ops/product.inl"

template <class T>
int64_t columns_of_panel() {
  return panel_width<T>;
}

/// scores -> attention p, in place; u = G p; the cosine of every anchor with picture j as the anchor sees it, and 1 / |A v_j| (0 where that
/// is nearly nothing). Matrices are (regions, anchors).
template <class T>
void attend(const AlpaShape& shape, const T* gram, T* __restrict p, const T* __restrict w, T* __restrict u, T* __restrict cosine,
            T* __restrict inverse_norm, T* __restrict line) {
  const int64_t regions = shape.regions, anchors = shape.anchors;
  T* largest = cosine;
#pragma GCC ivdep
  for (int64_t a = 0; a < anchors; ++a) largest[a] = p[a];
  for (int64_t t = 1; t < regions; ++t)
#pragma GCC ivdep
    for (int64_t a = 0; a < anchors; ++a) largest[a] = p[t * anchors + a] > largest[a] ? p[t * anchors + a] : largest[a];
  for (int64_t a = 0; a < anchors; ++a) line[a] = 0;
  for (int64_t t = 0; t < regions; ++t)
#pragma GCC ivdep
    for (int64_t a = 0; a < anchors; ++a) {
      const T e = tensor::ops::Exp{}(p[t * anchors + a] - largest[a]);
      p[t * anchors + a] = e;
      line[a] += e;
    }
#pragma GCC ivdep
  for (int64_t a = 0; a < anchors; ++a) {
    line[a] = 1 / line[a];
    cosine[a] = 0;
    inverse_norm[a] = 0;
  }
  for (int64_t t = 0; t < regions; ++t)
#pragma GCC ivdep
    for (int64_t a = 0; a < anchors; ++a) {
      const T share = p[t * anchors + a] * line[a];
      p[t * anchors + a] = share;
      cosine[a] += share * w[t * anchors + a];
    }
  product<T>(regions, anchors, regions, in_place<T>(gram, regions, 1), {p, panel_width<T>, anchors}, u, anchors, false);
  for (int64_t t = 0; t < regions; ++t)
#pragma GCC ivdep
    for (int64_t a = 0; a < anchors; ++a) inverse_norm[a] += p[t * anchors + a] * u[t * anchors + a];
#pragma GCC ivdep
  for (int64_t a = 0; a < anchors; ++a) {
    const T square = inverse_norm[a];
    const T inverse = 1 / std::sqrt(square > T(1e-16) ? square : T(1));
    inverse_norm[a] = square > T(1e-16) ? inverse : T(0);
    cosine[a] *= inverse_norm[a];
  }
}

/// sums[t][s] += sum_a h[a] p[t][a] p[s][a] for the regions t, s of one picture: the lower triangle, in squares of 4.
template <class T>
void add_gram_grad(const AlpaShape& shape, const T* p, const T* h, T* sums) {
  using Vector = typename VectorOf<T>::type;
  using Unaligned = typename VectorOf<T>::unaligned;
  constexpr int64_t lanes = lanes_of<T>;
  const int64_t regions = shape.regions, anchors = shape.anchors;
  for (int64_t t = 0; t < regions; t += 4)
    for (int64_t s = 0; s <= t; s += 4) {
      const T *left[4], *right[4];
      for (int64_t i = 0; i < 4; ++i) {  // beyond the end the last row again, dropped below
        left[i] = p + (t + i < regions ? t + i : regions - 1) * anchors;
        right[i] = p + (s + i < regions ? s + i : regions - 1) * anchors;
      }
      Vector tile[4][2] = {}, more[4][2] = {};
      for (int64_t a = 0; a < anchors; a += lanes) {
        const Vector weight = *reinterpret_cast<const Unaligned*>(h + a);
        const Vector r0 = *reinterpret_cast<const Unaligned*>(right[0] + a) * weight;
        const Vector r1 = *reinterpret_cast<const Unaligned*>(right[1] + a) * weight;
        const Vector r2 = *reinterpret_cast<const Unaligned*>(right[2] + a) * weight;
        const Vector r3 = *reinterpret_cast<const Unaligned*>(right[3] + a) * weight;
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          const Vector l = *reinterpret_cast<const Unaligned*>(left[i] + a);
          tile[i][0] += l * r0;
          tile[i][1] += l * r1;
          more[i][0] += l * r2;
          more[i][1] += l * r3;
        }
      }
      for (int64_t i = 0; i < 4 && t + i < regions; ++i)
        for (int64_t j = 0; j < 4 && s + j < regions; ++j) {
          const Vector& lanes_sum = j < 2 ? tile[i][j] : more[i][j - 2];
          T sum = 0;
          for (int64_t lane = 0; lane < lanes; ++lane) sum += lanes_sum[lane];
          sums[(t + i) * regions + s + j] += sum;
        }
    }
}

/// Scores and v-products of all regions of pictures [first, first + count) with the block's anchors, then attend() for each picture.
template <class T>
void forward_tile(const AlpaProblem<T>& problem, const AlpaBlock& block, int64_t first, int64_t count, AlpaScratch<T>& scratch) {
  const AlpaShape& shape = problem.shape;
  const int64_t width = panel_width<T>, c = shape.width, rows = count * shape.regions;
  const int64_t anchor_panels = block.no * shape.anchors * c;
  product<T>(rows, shape.anchors, c, in_place<T>(problem.k + first * shape.regions * c, c, 1),
             {problem.q_anchors + anchor_panels, c * width, width}, scratch.p, shape.anchors, false);
  product<T>(rows, shape.anchors, c, in_place<T>(problem.v + first * shape.regions * c, c, 1),
             {problem.unit_anchors + anchor_panels, c * width, width}, scratch.w, shape.anchors, false);
  const int64_t step = shape.regions * shape.anchors;
  for (int64_t j = 0; j < count; ++j)
    attend(shape, problem.gram + (first + j) * shape.regions * shape.regions, scratch.p + j * step, scratch.w + j * step,
           scratch.u + j * step, scratch.cosine + j * shape.anchors, scratch.inverse_norm + j * shape.anchors, scratch.line);
}

/// dc (in scratch.line) of picture `first + j` -> dA / ds of the scores in scratch.p, dW in scratch.w, and the picture's 2 dG.
template <class T>
void attend_grad(const AlpaShape& shape, int64_t j, AlpaScratch<T>& scratch, T* gram_grad) {
  const int64_t regions = shape.regions, anchors = shape.anchors, step = regions * anchors;
  T* __restrict p = scratch.p + j * step, * __restrict w = scratch.w + j * step;
  const T* __restrict u = scratch.u + j * step;
  T* __restrict shift = scratch.cosine + j * anchors, * __restrict h = scratch.inverse_norm + j * anchors, * __restrict scale = scratch.line;
#pragma GCC ivdep
  for (int64_t a = 0; a < anchors; ++a) {
    scale[a] *= h[a];
    shift[a] *= h[a];
    h[a] = -scale[a] * shift[a];
  }
  add_gram_grad(shape, p, h, gram_grad);
  for (int64_t t = 0; t < regions; ++t)
#pragma GCC ivdep
    for (int64_t a = 0; a < anchors; ++a) {
      const int64_t at = t * anchors + a;
      const T dw = p[at] * scale[a];
      p[at] = dw * (w[at] - shift[a] * u[at]);
      w[at] = dw;
    }
}

/// The four products that carry the tiles' gradients to anchors and pictures.
template <class T>
void spread_gradients(const AlpaProblem<T>& problem, const AlpaBlock& block, int64_t first, int64_t count, const AlpaScratch<T>& scratch,
                      const AlpaSums<T>& sums) {
  const AlpaShape& shape = problem.shape;
  const int64_t width = panel_width<T>, all = shape.pictures * shape.regions;
  const int64_t rows = count * shape.regions, anchors = block.pictures * shape.regions;
  const int64_t row0 = first * shape.regions, anchor0 = block.first * shape.regions, pitch = shape.padded_width;
  product<T>(anchors, pitch, rows, in_place<T>(scratch.p, 1, shape.anchors), {problem.k_panels + row0 * width, all * width, width},
             sums.dq + anchor0 * pitch, pitch, true);
  product<T>(anchors, pitch, rows, in_place<T>(scratch.w, 1, shape.anchors), {problem.v_panels + row0 * width, all * width, width},
             sums.dunit + anchor0 * pitch, pitch, true);
  product<T>(rows, pitch, anchors, in_place<T>(scratch.p, shape.anchors, 1), {problem.q_panels + anchor0 * width, all * width, width},
             sums.dk + row0 * pitch, pitch, true);
  product<T>(rows, pitch, anchors, in_place<T>(scratch.w, shape.anchors, 1), {problem.unit_panels + anchor0 * width, all * width, width},
             sums.dv + row0 * pitch, pitch, true);
}
