#pragma once
// Cases of conv2d: x (n,h,w,c), weight (o,kh,kw,c).

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct Conv2dCase {
  int64_t n, h, w, c, o, kh, kw, stride, padding;
};
inline const Conv2dCase conv2d_cases[] = {
    {.n = 1, .h = 1, .w = 1, .c = 1, .o = 1, .kh = 1, .kw = 1, .stride = 1, .padding = 0},    // the smallest
    {.n = 2, .h = 3, .w = 5, .c = 3, .o = 7, .kh = 1, .kw = 1, .stride = 1, .padding = 0},    // a matrix product
    {.n = 1, .h = 7, .w = 5, .c = 3, .o = 11, .kh = 1, .kw = 1, .stride = 2, .padding = 0},   // the projection shortcut that others got
                                                                                              // wrong
    {.n = 1, .h = 2, .w = 2, .c = 33, .o = 3, .kh = 1, .kw = 1, .stride = 2, .padding = 0},   // the same, more channels than a panel
    {.n = 2, .h = 5, .w = 5, .c = 2, .o = 3, .kh = 3, .kw = 3, .stride = 1, .padding = 1},    // the body of every ResNet
    {.n = 1, .h = 6, .w = 7, .c = 2, .o = 5, .kh = 3, .kw = 3, .stride = 2, .padding = 1},    // a stage's first, even and odd extents
    {.n = 1, .h = 5, .w = 5, .c = 1, .o = 17, .kh = 3, .kw = 3, .stride = 1, .padding = 1},   // outputs: one more than two vectors of 8
    {.n = 1, .h = 2, .w = 2, .c = 17, .o = 1, .kh = 3, .kw = 3, .stride = 1, .padding = 1},   // inputs: likewise; an image smaller than the
                                                                                              // kernel
    {.n = 1, .h = 4, .w = 3, .c = 1, .o = 2, .kh = 3, .kw = 3, .stride = 1, .padding = 0},    // without padding, one column of results
    {.n = 1, .h = 1, .w = 1, .c = 3, .o = 5, .kh = 3, .kw = 3, .stride = 1, .padding = 1},    // only the kernel's center meets the image
    {.n = 3, .h = 7, .w = 6, .c = 1, .o = 2, .kh = 3, .kw = 3, .stride = 2, .padding = 0},    // the last row and column are never read
    {.n = 1, .h = 7, .w = 7, .c = 3, .o = 1, .kh = 7, .kw = 7, .stride = 2, .padding = 3},    // ImageNet's stem
    {.n = 1, .h = 11, .w = 13, .c = 1, .o = 2, .kh = 7, .kw = 7, .stride = 2, .padding = 3},  // the same, more positions
    {.n = 1, .h = 5, .w = 9, .c = 2, .o = 3, .kh = 1, .kw = 5, .stride = 1, .padding = 2},  // not square, padding wider than the kernel is
                                                                                            // high
    {.n = 1, .h = 8, .w = 7, .c = 2, .o = 3, .kh = 2, .kw = 3, .stride = 3, .padding = 1},  // stride wider than the kernel: gaps
    {.n = 0, .h = 5, .w = 5, .c = 2, .o = 3, .kh = 3, .kw = 3, .stride = 1, .padding = 1},  // no images: dw = 0
};

inline std::vector<GradcheckCase> conv2d_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const Conv2dCase& c : conv2d_cases)
    checks.push_back({"conv2d",
                      fmt::format("{}x{}x{}x{} -> {}, {}x{} stride {} pad {}", c.n, c.h, c.w, c.c, c.o, c.kh, c.kw, c.stride, c.padding),
                      [params = tensor::ops::Conv2dParams{.stride = c.stride, .padding = c.padding}](const std::vector<Variable>& in) {
                        return conv2d(in[0], in[1], params);
                      },
                      {random_input({c.n, c.h, c.w, c.c}, 71), random_input({c.o, c.kh, c.kw, c.c}, 72)}});
  return checks;
}

}  // namespace autograd::cases
