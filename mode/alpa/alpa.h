#pragma once
// ALPA, attention-based local propagation: the similarity of every pair of images, differentiable (mode/README.md, eq. (2) to (4)).
//
// maths    A_ij = softmax_rows(q_i k_j^T / sqrt C)      c_ij[r] = cos(v_i[r], (A_ij v_j)[r])      S_ij = agg_r c_ij[r]      s = S + S^T
//          a vector of norm < 1e-8 has cosine 0 and passes no gradient
// shapes   q, k, v (N, R, C): N images (views stacked), R local vectors each, heads of width C; S, s (N, N); f32 or f64; N, R, C >= 1
// cost     forward 3 (N R)^2 C FLOP, backward 9 (N R)^2 C; memory O(N R C): attention is never stored, backward recomputes it
// source   Zhang et al., "From Global to Local: Multi-scale Out-of-distribution Detection", IEEE TIP 2023

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "autograd/variable.h"

namespace mode {

using autograd::Variable;
using tensor::Tensor;

enum class AlpaAggregate { mean, max, sum, logsum };  ///< logsum: (1/6) log sum_r exp(6 c[r])
/// Each aggregate with its name, such as "mean".
const std::vector<std::pair<std::string, AlpaAggregate>>& alpa_aggregates();
constexpr double alpa_smallest_norm = 1e-8;  ///< below it a vector has cosine 0

/// s (N, N), differentiable.
Variable alpa_similarity(const Variable& q, const Variable& k, const Variable& v, AlpaAggregate aggregate = AlpaAggregate::mean);

/// The kernels of alpa_similarity: S, diagonal included, and its gradients for dS (N, N). S is not symmetric.
Tensor alpa_pairs(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate);
struct AlpaGradients {
  Tensor dq, dk, dv;
};
AlpaGradients alpa_pairs_grad(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate, const Tensor& ds);

namespace cpu {
decltype(mode::alpa_pairs) alpa_pairs;
decltype(mode::alpa_pairs_grad) alpa_pairs_grad;
}  // namespace cpu

namespace naive {
/// The formulas in autograd ops, each attention and each resampled image stored. The oracle of values and gradients.
Variable alpa_similarity(const Variable& q, const Variable& k, const Variable& v, AlpaAggregate aggregate = AlpaAggregate::mean);
}  // namespace naive

/// Queries, keys and values (N, R, C), and the factor of the attention scores.
struct QueryKeyValue {
  Tensor q, k, v;
  double scale = 1;
};
/// For a network without ALPA heads: q = k = v = the local vectors (N, R, E), L2-normalized; A = softmax(cosine / temperature).
QueryKeyValue cosine_qkv(const Tensor& vectors, double temperature);

/// The attention of one ordered pair of images, stored for inspection; f64. 4 R^2 C FLOP.
struct Attention {
  Tensor weights;         ///< A_ij (R, R); row r is where region r of image i attends in image j; each row sums to 1
  Tensor cosines;         ///< c_ij (R)
  double similarity = 0;  ///< S_ij
};
Attention attention_of(const QueryKeyValue& qkv, int64_t i, int64_t j, AlpaAggregate aggregate = AlpaAggregate::mean);
/// exp(entropy) of each row of the attention, (R): the effective number of attended regions, 1 .. R.
Tensor attended_regions(const Attention& attention);

/// agg over the R cosines of an ordered pair. Unless `dc` is null, dc[r] = ds dagg/dc[r].
template <class T>
T aggregate_cosines(const T* cosines, int64_t regions, AlpaAggregate aggregate, T ds = 0, T* dc = nullptr) {
  const T* const largest = std::max_element(cosines, cosines + regions);
  if (aggregate == AlpaAggregate::max) {
    if (dc != nullptr) {
      std::fill(dc, dc + regions, T(0));
      dc[largest - cosines] = ds;
    }
    return *largest;
  }
  T sum = 0;
  if (aggregate == AlpaAggregate::logsum) {
    constexpr T sharpness = 6;
    for (int64_t r = 0; r < regions; ++r) sum += std::exp(sharpness * (cosines[r] - *largest));
    if (dc != nullptr)
      for (int64_t r = 0; r < regions; ++r) dc[r] = ds * std::exp(sharpness * (cosines[r] - *largest)) / sum;
    return *largest + std::log(sum) / sharpness;
  }
  const T weight = aggregate == AlpaAggregate::mean ? 1 / static_cast<T>(regions) : T(1);
  for (int64_t r = 0; r < regions; ++r) sum += cosines[r];
  if (dc != nullptr) std::fill(dc, dc + regions, ds * weight);
  return sum * weight;
}

}  // namespace mode
