#pragma once
// The attention of a pair of images, for a person to look at: what mode/alpa/alpa.h computes for all pairs and keeps of none.
//
// maths    A_ij = softmax_rows(scale q_i k_j^T)      c_ij[r] = cos(v_i[r], (A_ij v_j)[r])      S_ij = agg_r c_ij[r]
//          a vector of norm < 1e-8 has cosine 0
// shapes   q, k, v (N, R, C), f32 or f64; all is computed in double
// cost     4 R^2 C flop a pair

#include "mode/alpa/alpa_loss.h"

namespace mode {

/// What regions are compared by.
struct LocalVectors {
  Tensor q, k, v;
  double scale = 1;
};
/// As ALPA's heads have it: scale 1 / sqrt C. `regions` (N, R, E), on the heads' device.
LocalVectors alpa_vectors(const AlpaHeads& heads, const Tensor& regions);
/// Of a network without heads: q, k and v are the regions themselves, of length 1 (or 0), so that A = softmax(cosine / temperature).
LocalVectors plain_vectors(const Tensor& regions, double temperature);

struct Attention {
  Tensor weights;         ///< A_ij (R, R) f64: row r says where region r of image i looks in image j; it sums to 1
  Tensor cosines;         ///< c_ij (R) f64
  double similarity = 0;  ///< S_ij
};
Attention attention_of(const LocalVectors& vectors, int64_t i, int64_t j, AlpaAggregate aggregate = AlpaAggregate::mean);

/// exp of the entropy of each of the attention's rows, (R): how many regions are looked at, 1 (one alone) .. R (all alike).
Tensor regions_looked_at(const Attention& attention);

}  // namespace mode
