// An op of one's own, from its maths to its gradient check: SiLU, y = x s(x) with s(x) = 1 / (1 + e^-x). A whole program.

#include <fmt/format.h>

#include "autograd/gradcheck.h"
#include "tensor/ops/elementwise.h"

using namespace autograd;
namespace ops = tensor::ops;

Variable silu(const Variable& x) {
  const Tensor ones = Tensor::full(x.shape(), 1, x.value().dtype(), x.value().device());
  const Tensor s = ops::divide(ones, ops::add_scalar(ops::exp(ops::scale(x.value(), -1)), 1));
  const Tensor y = ops::multiply(x.value(), s);
  return record("silu", y, {x}, [ones, s, y](const Tensor& dy, const Needs&) -> Gradients {
    // s' = s (1 - s)     =>   dy/dx = s + x s (1 - s) = s + y (1 - s)
    return {ops::multiply(dy, ops::add(s, ops::multiply(y, ops::subtract(ones, s))))};
  });
}

int main() {
  const auto report = gradcheck([](const std::vector<Variable>& in) { return silu(in[0]); }, {random_input({5, 7}, 1, -4, 4)});
  fmt::print("silu: {} derivatives, worst error {:.1e} ({})\n", report.elements, report.worst_error, report.worst_where);
  return report.passed ? 0 : 1;
}
