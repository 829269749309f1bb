#pragma once
// Cases of matmul, y (m,n) = A (m,k) B (k,n), each operand as it is and transposed: the values' test takes all, the gradient check the small
// ones, the benchmark the products below.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

using tensor::ops::Transpose;

struct MatmulCase {
  int64_t m, n, k;

  Shape a_shape(Transpose transpose) const { return transpose == Transpose::no ? Shape{m, k} : Shape{k, m}; }
  Shape b_shape(Transpose transpose) const { return transpose == Transpose::no ? Shape{k, n} : Shape{n, k}; }
  std::string name(Transpose ta, Transpose tb) const {
    return fmt::format("{}x{}x{}{}{}", m, n, k, ta == Transpose::yes ? " a^T" : "", tb == Transpose::yes ? " b^T" : "");
  }
};

inline const MatmulCase matmul_cases[] = {
    {.m = 1, .n = 1, .k = 1},        // the smallest
    {.m = 1, .n = 7, .k = 5},        // one row
    {.m = 7, .n = 1, .k = 5},        // one column
    {.m = 1, .n = 1, .k = 7},        // an inner product
    {.m = 5, .n = 7, .k = 1},        // an outer product
    {.m = 3, .n = 17, .k = 11},      // primes, two vectors of 8 and one
    {.m = 13, .n = 5, .k = 9},       // more rows than a register tile
    {.m = 2, .n = 33, .k = 8},       // a panel of 32 and one
    {.m = 0, .n = 3, .k = 2},        // no rows: db = 0
    {.m = 0, .n = 4, .k = 3},        //
    {.m = 3, .n = 4, .k = 0},        // nothing to sum: zeros
    {.m = 3, .n = 0, .k = 4},        // no columns
    {.m = 6, .n = 16, .k = 16},      // one register tile
    {.m = 7, .n = 19, .k = 17},      //
    {.m = 13, .n = 5, .k = 300},     //
    {.m = 64, .n = 10, .k = 513},    //
    {.m = 33, .n = 129, .k = 64},    // several tiles of CUDA's 64 x 64
    {.m = 70, .n = 9, .k = 1100},    // split-K
    {.m = 13, .n = 250, .k = 1100},  // more of B than is packed at once on the cpu
    {.m = 5, .n = 1100, .k = 30},    // several packed pieces of B
    {.m = 2400, .n = 20, .k = 9},    // long blocks of rows
    {.m = 103, .n = 130, .k = 20},   // two blocks of rows, two of columns
    {.m = 8, .n = 8, .k = 8},        // from here on multiples of 8: bf16 rows are copied 16 bytes at a time
    {.m = 72, .n = 136, .k = 40},    //
    {.m = 64, .n = 16, .k = 1104},   //
    {.m = 16, .n = 8, .k = 0},       //
};

/// For mode-bench alone.
struct MatmulProduct {
  const char* name;
  MatmulCase size;
  Transpose a, b;
};
inline const MatmulProduct matmul_products[] = {
    {"1024", {1024, 1024, 1024}, Transpose::no, Transpose::no},
    {"1024-a-transposed", {1024, 1024, 1024}, Transpose::yes, Transpose::no},
    {"1024-b-transposed", {1024, 1024, 1024}, Transpose::no, Transpose::yes},
    {"tall-16384x64x576", {16384, 64, 576}, Transpose::no, Transpose::no},
    {"classifier-128x10x512", {128, 10, 512}, Transpose::no, Transpose::yes},
};

inline std::vector<GradcheckCase> matmul_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const MatmulCase& c : matmul_cases) {
    if (c.m * c.k + c.k * c.n > gradcheck_elements || c.m * c.k + c.k * c.n == 0) continue;
    for (const Transpose ta : {Transpose::no, Transpose::yes})
      for (const Transpose tb : {Transpose::no, Transpose::yes})
        checks.push_back({"matmul",
                          c.name(ta, tb),
                          [ta, tb](const std::vector<Variable>& in) { return matmul(in[0], in[1], ta, tb); },
                          {random_input(c.a_shape(ta), 51), random_input(c.b_shape(tb), 52)}});
  }
  return checks;
}

}  // namespace autograd::cases
