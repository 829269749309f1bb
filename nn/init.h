#pragma once
// Initial weights (He et al., 2015): convolutions normal with std sqrt(2 / (KH KW O)) (fan-out), Linear weight and bias
// U(+-1/sqrt(fan_in)), BatchNorm 1 and 0, running statistics 0 and 1.

#include "nn/module.h"

namespace nn {

/// Fills every parameter and buffer of the tree, by its full name and `seed`.
void initialize(Module& module, uint64_t seed);

}  // namespace nn
