#include "tensor/ops/matmul.h"

#include "autograd/ops.h"

namespace autograd {

using tensor::ops::Transpose;

// derivation of matmul
//   y[m,n] = sum_k A[m,k] B[k,n]; A = a or a^T, B = b or b^T
//   da = dA or dA^T; dA = dy B^T, dA[m,k] = sum_n dy[m,n] B[k,n]
//   db = dB or dB^T; dB = A^T dy, dB[k,n] = sum_m A[m,k] dy[m,n]
Variable matmul(const Variable& a, const Variable& b, Transpose transpose_a, Transpose transpose_b) {
  Tensor y = tensor::ops::matmul(a.value(), b.value(), transpose_a, transpose_b);
  return record(
      "matmul", y, {a, b},
      [a = a.value(), b = b.value(), ta = transpose_a, tb = transpose_b](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
        using tensor::ops::matmul;
        const auto other = [](Transpose t) { return t == Transpose::no ? Transpose::yes : Transpose::no; };
        Tensor da, db;
        if (needs_input_grad[0]) da = ta == Transpose::no ? matmul(dy, b, Transpose::no, other(tb)) : matmul(b, dy, tb, Transpose::yes);
        if (needs_input_grad[1]) db = tb == Transpose::no ? matmul(a, dy, other(ta), Transpose::no) : matmul(dy, a, Transpose::yes, ta);
        return {da, db};
      });
}

}  // namespace autograd
