#include "tensor/ops/matmul.h"

#include "autograd/ops.h"

namespace autograd {

using tensor::ops::Transpose;

Variable matmul(const Variable& a, const Variable& b, Transpose transpose_a, Transpose transpose_b) {
  Tensor y = tensor::ops::matmul(a.value(), b.value(), transpose_a, transpose_b);
  return record(
      "matmul", y, {a, b},
      [a = a.value(), b = b.value(), ta = transpose_a, tb = transpose_b](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
        // Y = A B              =>   dA = dY B^T,   dB = A^T dY
        // where A = a^T:            da = dA^T = B dY^T;   where B = b^T:   db = dB^T = dY^T A
        using tensor::ops::matmul;
        const auto other = [](Transpose t) { return t == Transpose::no ? Transpose::yes : Transpose::no; };
        Tensor da, db;
        if (needs_input_grad[0]) da = ta == Transpose::no ? matmul(dy, b, Transpose::no, other(tb)) : matmul(b, dy, tb, Transpose::yes);
        if (needs_input_grad[1]) db = tb == Transpose::no ? matmul(a, dy, other(ta), Transpose::no) : matmul(dy, a, Transpose::yes, ta);
        return {da, db};
      });
}

}  // namespace autograd
