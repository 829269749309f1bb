#pragma once
// ALPA, attention-based local propagation (Zhang et al., "From Global to Local: Multi-scale Out-of-distribution Detection", 2023): how
// alike two images are when each region of the one looks for its counterpart in the other.
//
// maths    A_ij = softmax_rows(q_i k_j^T / sqrt C)      c_ij[r] = cos(v_i[r], (A_ij v_j)[r])      S_ij = agg_r c_ij[r]      s = S + S^T
//          a vector of norm < 1e-8 has cosine 0 with any other, and passes no gradient
// shapes   q, k, v (N, R, C): N images (views stacked), R regions each, heads of width C; s (N, N); f32 and f64; N, R, C >= 1
// cost     forward 3 (N R)^2 C flop, backward 9 (N R)^2 C; memory O(N R C): no attention is stored, backward computes it again
// source   the paper's equations as METHOD 3 states them; that S needs every ordered pair only once follows from s = S + S^T

#include <string>
#include <utility>
#include <vector>

#include "autograd/variable.h"

namespace mode {

using autograd::Variable;
using tensor::Tensor;

enum class AlpaAggregate { mean, max, sum, logsum };  ///< logsum: (1/6) log sum_r exp(6 c[r])
/// Each with its name, "mean".
const std::vector<std::pair<std::string, AlpaAggregate>>& alpa_aggregates();
/// agg over the cosines of one ordered pair.
double aggregated(const std::vector<double>& cosines, AlpaAggregate aggregate);
constexpr double alpa_smallest_norm = 1e-8;  ///< of a vector that has a direction

/// s (N, N), differentiable.
Variable alpa_similarity(const Variable& q, const Variable& k, const Variable& v, AlpaAggregate aggregate = AlpaAggregate::mean);

struct AlpaGradients {
  Tensor dq, dk, dv;
};
/// The kernels of alpa_similarity: S itself, not symmetric, the diagonal included; and its gradients for dS.
Tensor alpa_pairs(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate);
AlpaGradients alpa_pairs_grad(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate, const Tensor& ds);

namespace naive {
/// The formulas as they stand, out of plain autograd ops: every attention and every resampled image is kept. The oracle.
Variable alpa_similarity(const Variable& q, const Variable& k, const Variable& v, AlpaAggregate aggregate = AlpaAggregate::mean);
}  // namespace naive

}  // namespace mode
