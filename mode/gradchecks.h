#pragma once
// The gradient checks of all floors, for `mode gradcheck` and the tests. A file of its own: it includes every floor's cases.

#include <vector>

#include "autograd/gradcheck.h"

namespace mode {

/// Every case of every differentiable op, from autograd/cases/, nn/cases/ and mode/cases/.
std::vector<autograd::GradcheckCase> gradcheck_cases();
/// The derivation of each op among them, from the comment above the op.
std::vector<autograd::Derivation> op_derivations();

}  // namespace mode
