#pragma once
// Losses on the outputs of a network.

#include "autograd/ops.h"

namespace nn {
using autograd::cross_entropy;  // (logits (R,C), labels i64 (R), label smoothing) -> ()
}
