#pragma once
// The gradient checks of all floors.

#include <vector>

#include "autograd/gradcheck.h"

namespace mode {

/// Every case of every differentiable op: autograd's, and those of nn and mode (their cases/).
std::vector<autograd::GradcheckCase> gradcheck_cases();
/// One for each op among them.
std::vector<autograd::OpExplanation> op_explanations();

}  // namespace mode
