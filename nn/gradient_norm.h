#pragma once
// The norm of all gradients together, and clipping by it (Pascanu et al., "On the difficulty of training recurrent neural networks",
// ICML 2013).

#include <vector>

#include "nn/module.h"

namespace nn {

/// The L2 norm of all gradients as one vector; parameters without gradient do not count. Squares and sums in double, in an order that the
/// shapes alone decide: the same bits for any number of threads. Not finite if any gradient is not finite.
double gradient_norm(const std::vector<Module::NamedParameter>& parameters);

/// The factor that scales gradients of this norm to a norm of at most `most`: min(1, most / (norm + 1e-6)), as PyTorch's clip_grad_norm_.
double clip_factor(double norm, double most);

/// sums[at] = sum_i x[i]^2; x f32 or f64, sums f64 on x's device. The kernel of gradient_norm. 2 FLOP per element, memory-bound.
void square_sum(const Tensor& x, Tensor& sums, int64_t at);

namespace cpu {
decltype(nn::square_sum) square_sum;
}  // namespace cpu

namespace cuda {
decltype(nn::square_sum) square_sum;
}  // namespace cuda

}  // namespace nn
