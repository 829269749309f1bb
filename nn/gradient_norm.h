#pragma once
// The norm of all gradients together, and clipping by it (Pascanu et al., "On the difficulty of training recurrent neural networks",
// ICML 2013).

#include <vector>

#include "nn/module.h"

namespace nn {

/// sqrt(sum of the squares of every element of every gradient); parameters without gradient are passed over. Squares and sums in double,
/// in an order that the shapes alone decide: the same bits for any number of threads. Not finite where a gradient is not.
double gradient_norm(const std::vector<Module::NamedParameter>& parameters);

/// What gradients of that norm are multiplied by so that it is at most `most`: min(1, most / (norm + 1e-6)), as PyTorch's clip_grad_norm_.
double clip_factor(double norm, double most);

/// sums[at] = sum of the squares of x's elements; x f32 or f64, sums f64 on x's device. The kernel of gradient_norm.
void square_sum(const Tensor& x, Tensor& sums, int64_t at);

namespace cuda {
decltype(nn::square_sum) square_sum;
}  // namespace cuda

}  // namespace nn
