#pragma once
// The gradient checks of all floors.

#include <vector>

#include "autograd/gradcheck.h"

namespace mode {

/// Every case of every differentiable op: autograd's, and those of nn and mode (their cases/).
std::vector<autograd::GradcheckCase> gradcheck_cases();
/// The derivation of each op among them, from the comment above the op.
std::vector<autograd::Derivation> op_derivations();

}  // namespace mode
