#pragma once
// Cases of maximum pooling: the values' test takes all, the gradient check the small ones.

#include <cmath>
#include <numeric>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tensor/philox.h"

namespace autograd::cases {

struct Pool2dCase {
  int64_t n, h, w, c, kernel, stride, padding;

  Shape x_shape() const { return {n, h, w, c}; }
  tensor::ops::Pool2dParams params() const { return {.kernel = kernel, .stride = stride, .padding = padding}; }
  std::string name() const { return fmt::format("{}x{}x{}x{}, {}x{} stride {} padding {}", n, h, w, c, kernel, kernel, stride, padding); }
};
inline const Pool2dCase pool2d_cases[] = {
    {.n = 1, .h = 1, .w = 1, .c = 1, .kernel = 1, .stride = 1, .padding = 0},   // the smallest
    {.n = 1, .h = 1, .w = 1, .c = 3, .kernel = 2, .stride = 2, .padding = 1},   // the window is larger than the image
    {.n = 2, .h = 4, .w = 6, .c = 3, .kernel = 2, .stride = 2, .padding = 0},   // the usual one
    {.n = 1, .h = 7, .w = 5, .c = 5, .kernel = 2, .stride = 2, .padding = 0},   // the last row and column are never read
    {.n = 1, .h = 7, .w = 8, .c = 3, .kernel = 3, .stride = 2, .padding = 1},   // after ImageNet's stem
    {.n = 1, .h = 5, .w = 5, .c = 9, .kernel = 3, .stride = 1, .padding = 1},   // windows that overlap much
    {.n = 1, .h = 3, .w = 3, .c = 17, .kernel = 3, .stride = 3, .padding = 0},  // one window; two vectors of 8 and one
    {.n = 1, .h = 6, .w = 7, .c = 2, .kernel = 2, .stride = 3, .padding = 1},   // gaps between the windows
    {.n = 1, .h = 5, .w = 5, .c = 4, .kernel = 1, .stride = 2, .padding = 0},   //
    {.n = 1, .h = 7, .w = 7, .c = 2, .kernel = 2, .stride = 3, .padding = 1},   //
    {.n = 2, .h = 4, .w = 4, .c = 8, .kernel = 2, .stride = 2, .padding = 0},   //
    {.n = 0, .h = 4, .w = 4, .c = 3, .kernel = 2, .stride = 2, .padding = 0},   // no images
    {.n = 2, .h = 4, .w = 4, .c = 0, .kernel = 2, .stride = 2, .padding = 0},   // no channels
    {.n = 3, .h = 7, .w = 5, .c = 17, .kernel = 3, .stride = 2, .padding = 1},
    {.n = 1, .h = 6, .w = 6, .c = 33, .kernel = 3, .stride = 1, .padding = 1},
    {.n = 2, .h = 8, .w = 9, .c = 5, .kernel = 3, .stride = 3, .padding = 0},
    {.n = 1, .h = 6, .w = 5, .c = 64, .kernel = 5, .stride = 2, .padding = 2},
    {.n = 2, .h = 33, .w = 31, .c = 16, .kernel = 3, .stride = 2, .padding = 1},  // several blocks of rows
};

/// The numbers (i + 1/2) / n, i < n, shifted to (-1/2, 1/2), shuffled and rounded to four decimals: no two are nearer than about 1 / n, so
/// that a step of h changes no maximum.
inline Tensor distinct_input(Shape shape, uint64_t seed) {
  const int64_t n = shape.numel();
  std::vector<double> values(n);
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t other =
        tensor::uniform_below(tensor::philox(seed, tensor::Stream::test, static_cast<uint64_t>(i))[0], static_cast<uint32_t>(i + 1));
    values[i] = values[other];
    values[other] = std::round(((static_cast<double>(i) + 0.5) / static_cast<double>(n) - 0.5) * 1e4) / 1e4;
  }
  return Tensor::from(values, shape);
}

inline std::vector<GradcheckCase> pool2d_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const Pool2dCase& c : pool2d_cases)
    if (c.x_shape().numel() >= 1 && c.x_shape().numel() <= gradcheck_elements)
      checks.push_back({"max_pool2d",
                        c.name(),
                        [params = c.params()](const std::vector<Variable>& in) { return max_pool2d(in[0], params); },
                        {distinct_input(c.x_shape(), 91)}});
  return checks;
}

}  // namespace autograd::cases
