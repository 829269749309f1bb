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
#include <utility>
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

/// One partial derivative as it was made: numeric = sum_i projection[i] (y_right[i] - y_left[i]) / (right - left).
struct GradcheckElement {
  size_t input = 0;
  int64_t element = 0;
  double left = 0, right = 0;           ///< x - h and x + h
  std::vector<double> y_left, y_right;  ///< the function's results there, all elements
  double analytic = 0, numeric = 0, error = 0;
};
struct GradcheckTrace {
  Tensor projection;  ///< f64, of the result's shape: dL/dy of L = <projection, y>
  std::vector<GradcheckElement> elements;
};

/// `inputs` are f64 tensors on the cpu; the function must be deterministic, and gets them on `device`: they are moved by h here and copied
/// there. A missing input gradient counts as zeros. Throws tensor::NoKernel where the function or its gradient has no kernel
/// on the device; every other Error of theirs is a check that failed. `trace` gets every step, unless null.
GradcheckReport gradcheck(const Function& function, const std::vector<Tensor>& inputs, double tolerance = 1e-6, uint64_t seed = 1,
                          Device device = {}, GradcheckTrace* trace = nullptr);

/// One line of the table that `mode gradcheck` prints; op and case name it, `tolerance` is 1e-6 unless the case says why.
struct GradcheckCase {
  std::string op, name;
  Function function;
  std::vector<Tensor> inputs;
  double tolerance = 1e-6;
  std::vector<std::pair<std::string, Tensor>> constants = {};  ///< further arguments that are not in the name: labels, regions
};

/// What an op computes: the comment "derivation of OP" above it, which `mode gradcheck --explain OP` prints.
struct Derivation {
  std::string op;
  std::string forward;  ///< "y = max(x, 0)", one line or several; dy is dL/dy
  struct Input {
    std::string name, gradient;  ///< "x", "dx = dy [y > 0]"
  };
  std::vector<Input> inputs;  ///< in the order of the cases' inputs, of which the last may be absent
};
/// `text` is the comment's lines: a line "dNAME.. = .." is the gradient of input NAME, the lines before the first of them are the forward.
Derivation parse_derivation(const std::string& op, const std::string& text);

/// A random f64 tensor, uniform in [low, high) and rounded to four decimals, so that a case can be printed and redone by hand; |x| is moved
/// to at least `gap` from 0: for functions with a kink at 0.
Tensor random_input(Shape shape, uint64_t seed, double low = -1, double high = 1, double gap = 0);

/// A table of cases may also hold larger ones, for the comparison of values: the gradient check takes those whose inputs have at most this
/// many elements.
constexpr int64_t gradcheck_elements = 300;
inline bool fits_gradcheck(int64_t elements) { return elements > 0 && elements <= gradcheck_elements; }

/// Every case of every op of this floor, from the tables in autograd/cases/.
std::vector<GradcheckCase> gradcheck_cases();

}  // namespace autograd
