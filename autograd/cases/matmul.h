#pragma once
// Cases of matmul: y (M,N) = A (M,K) B (K,N), each of them as it is and transposed.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct MatmulCase {
  int64_t m, n, k;
};
inline const MatmulCase matmul_cases[] = {
    {.m = 1, .n = 1, .k = 1},    // the smallest
    {.m = 1, .n = 7, .k = 5},    // one row
    {.m = 7, .n = 1, .k = 5},    // one column
    {.m = 5, .n = 7, .k = 1},    // an outer product
    {.m = 3, .n = 17, .k = 11},  // primes, one more than two vectors of 8
    {.m = 13, .n = 5, .k = 9},   // more rows than a register tile
    {.m = 2, .n = 33, .k = 8},   // one more than a panel of 32
    {.m = 0, .n = 3, .k = 2},    // no rows: b's gradient is 0
};

inline std::vector<GradcheckCase> matmul_gradchecks() {
  using tensor::ops::Transpose;
  std::vector<GradcheckCase> checks;
  for (const MatmulCase& c : matmul_cases)
    for (const Transpose ta : {Transpose::no, Transpose::yes})
      for (const Transpose tb : {Transpose::no, Transpose::yes})
        checks.push_back(
            {"matmul",
             fmt::format("{}x{}x{}{}{}", c.m, c.n, c.k, ta == Transpose::yes ? " a^T" : "", tb == Transpose::yes ? " b^T" : ""),
             [ta, tb](const std::vector<Variable>& in) { return matmul(in[0], in[1], ta, tb); },
             {random_input(ta == Transpose::no ? Shape{c.m, c.k} : Shape{c.k, c.m}, 51),
              random_input(tb == Transpose::no ? Shape{c.k, c.n} : Shape{c.n, c.k}, 52)}});
  return checks;
}

}  // namespace autograd::cases
