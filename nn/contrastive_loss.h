#pragma once
// Contrastive losses over N views, whose groups say which views are positives of one another.
//
// maths    L = -(scale / N) sum_i (1 / |P(i)|) sum_{p in P(i)} [ t s_ip - log sum_{a != i} exp(t s_ia) ],
//          P(i) = {p != i: group_p = group_i}
//          dL/ds_ij = scale (t / N) (softmax_{a != i}(t s_i.)_j - [j in P(i)] / |P(i)|), 0 for j = i
//          a row without positives contributes 0 to both
// shapes   similarity s (N, N), whose diagonal is ignored; groups i64 (N); L (); f32 and f64
// cost     about 25 FLOP per element of s; N^2 elements are kept for the backward pass
// source   Khosla et al., "Supervised contrastive learning", 2020, eq. 2 (L_out); Chen et al., "A simple framework for contrastive
//          learning of visual representations", 2020. Their temperature is 1 / t.

#include "autograd/variable.h"

namespace nn {

using autograd::Variable;
using tensor::Tensor;

struct ContrastiveOptions {
  double inverse_temperature = 10;  ///< t
  double scale = 1;                 ///< factor of the loss; the published SupCon code uses temperature / 0.07
};

Variable contrastive_loss(const Variable& similarity, const Tensor& groups, const ContrastiveOptions& options = {});

/// SupCon: z (N, D), rows of length 1 (autograd::l2_normalize); labels i64 (N), one per view.
Variable supcon(const Variable& z, const Tensor& labels, const ContrastiveOptions& options = {});
/// SimCLR: rows v B + i, v = 0, ..., views - 1, are the views of image i and are positives of one another alone.
Variable simclr(const Variable& z, int64_t views, const ContrastiveOptions& options = {});

/// The loss for equal similarities, scale * ln(N - 1): a training that stays at this value has collapsed.
double collapsed_contrastive_loss(int64_t n, const ContrastiveOptions& options = {});

struct ContrastiveResult {
  Tensor loss;         ///< ()
  Tensor dsimilarity;  ///< (N, N), for dL = 1
};
/// The kernel of contrastive_loss.
ContrastiveResult contrastive_loss_and_grad(const Tensor& similarity, const Tensor& groups, const ContrastiveOptions& options);

namespace cpu {
decltype(nn::contrastive_loss_and_grad) contrastive_loss_and_grad;
}  // namespace cpu

}  // namespace nn
