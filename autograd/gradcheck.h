#pragma once
// Gradient checks: the analytic gradient of <projection, f(inputs)> against central differences, in double, over every element of every
// input.
//
//   numeric(x_i) = (f(x_i + h) - f(x_i - h)) / 2h,  h = 1e-5 max(1, |x_i|)        err = |a - n| / max(1, |a|, |n|)
//
// The projection is random, because a plain sum is blind: BatchNorm's and softmax's gradients vanish under it, and a permutation goes
// unseen.

#include <functional>
#include <string>
#include <vector>

#include "autograd/variable.h"

namespace autograd {

using Function = std::function<Variable(const std::vector<Variable>& inputs)>;

struct GradcheckReport {
  int64_t elements = 0;     ///< how many partial derivatives were compared
  double worst_error = 0;   ///< the largest err; infinity when something is not finite
  std::string worst_where;  ///< "input 1, element 37: analytic 0.5, numeric 0.4"
  bool passed = false;      ///< worst_error <= tolerance, everything finite, and elements > 0
};

/// `inputs` are f64 tensors on the cpu; the function must be deterministic, and gets them on `device`: they are moved by h here and copied
/// there. An input gradient that does not arrive counts as zeros. Throws tensor::NoKernel where the function or its gradient has no kernel
/// on the device; every other Error of theirs is a check that failed.
GradcheckReport gradcheck(const Function& function, const std::vector<Tensor>& inputs, double tolerance = 1e-6, uint64_t seed = 1,
                          Device device = {});

/// One line of the table that `mode gradcheck` prints; op and case name it, `tolerance` is 1e-6 unless the case says why.
struct GradcheckCase {
  std::string op, name;
  Function function;
  std::vector<Tensor> inputs;
  double tolerance = 1e-6;
};

/// A random f64 tensor, uniform in [low, high), with |x| moved to at least `gap` from 0: for functions with a kink at 0.
Tensor random_input(Shape shape, uint64_t seed, double low = -1, double high = 1, double gap = 0);

/// Every case of every op of this floor, from the tables in autograd/cases/.
std::vector<GradcheckCase> gradcheck_cases();

}  // namespace autograd
