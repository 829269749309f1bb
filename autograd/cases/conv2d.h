#pragma once
// Cases of conv2d, x (n,h,w,c) and w (o,kh,kw,c): the values' test takes all, the gradient check the small ones, the benchmark the layers.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct Conv2dCase {
  int64_t n, h, w, c, o, kh, kw, stride, padding;

  Shape x_shape() const { return {n, h, w, c}; }
  Shape w_shape() const { return {o, kh, kw, c}; }
  tensor::ops::Conv2dParams params() const { return {.stride = stride, .padding = padding}; }
  /// The tensor cores read eight channels at once.
  bool fits_bf16() const { return c % 8 == 0 && o % 8 == 0; }
  std::string name() const { return fmt::format("{}x{}x{}x{} -> {}, {}x{} stride {} padding {}", n, h, w, c, o, kh, kw, stride, padding); }
};

inline const Conv2dCase conv2d_cases[] = {
    {.n = 1, .h = 1, .w = 1, .c = 1, .o = 1, .kh = 1, .kw = 1, .stride = 1, .padding = 0},    // the smallest
    {.n = 2, .h = 3, .w = 5, .c = 3, .o = 7, .kh = 1, .kw = 1, .stride = 1, .padding = 0},    // a matrix product
    {.n = 1, .h = 7, .w = 5, .c = 3, .o = 11, .kh = 1, .kw = 1, .stride = 2, .padding = 0},   // 1x1 stride 2: the projection shortcut
    {.n = 1, .h = 2, .w = 2, .c = 33, .o = 3, .kh = 1, .kw = 1, .stride = 2, .padding = 0},   // 1x1 stride 2, more channels than a panel
    {.n = 2, .h = 5, .w = 5, .c = 2, .o = 3, .kh = 3, .kw = 3, .stride = 1, .padding = 1},    // the body of every ResNet
    {.n = 1, .h = 6, .w = 7, .c = 2, .o = 5, .kh = 3, .kw = 3, .stride = 2, .padding = 1},    // a stage's first; even and odd extents
    {.n = 1, .h = 5, .w = 5, .c = 1, .o = 17, .kh = 3, .kw = 3, .stride = 1, .padding = 1},   // outputs: two vectors of 8 and one
    {.n = 1, .h = 2, .w = 2, .c = 17, .o = 1, .kh = 3, .kw = 3, .stride = 1, .padding = 1},   // inputs: the same; image below kernel size
    {.n = 1, .h = 4, .w = 3, .c = 1, .o = 2, .kh = 3, .kw = 3, .stride = 1, .padding = 0},    // no padding, one column of results
    {.n = 1, .h = 1, .w = 1, .c = 3, .o = 5, .kh = 3, .kw = 3, .stride = 1, .padding = 1},    // only the kernel's center meets the image
    {.n = 3, .h = 7, .w = 6, .c = 1, .o = 2, .kh = 3, .kw = 3, .stride = 2, .padding = 0},    // the last row and column are never read
    {.n = 1, .h = 7, .w = 7, .c = 3, .o = 1, .kh = 7, .kw = 7, .stride = 2, .padding = 3},    // ImageNet's stem
    {.n = 1, .h = 11, .w = 13, .c = 1, .o = 2, .kh = 7, .kw = 7, .stride = 2, .padding = 3},  // ImageNet's stem, more positions
    {.n = 1, .h = 5, .w = 9, .c = 2, .o = 3, .kh = 1, .kw = 5, .stride = 1, .padding = 2},    // not square; padding exceeds the height
    {.n = 1, .h = 8, .w = 7, .c = 2, .o = 3, .kh = 2, .kw = 3, .stride = 3, .padding = 1},    // gaps between the windows
    {.n = 0, .h = 5, .w = 5, .c = 2, .o = 3, .kh = 3, .kw = 3, .stride = 1, .padding = 1},    // no images: dw = 0
    {.n = 2, .h = 6, .w = 6, .c = 4, .o = 5, .kh = 5, .kw = 3, .stride = 3, .padding = 2},    // not square
    {.n = 1, .h = 5, .w = 5, .c = 2, .o = 3, .kh = 3, .kw = 3, .stride = 1, .padding = 3},    // more padding than the window needs
    {.n = 1, .h = 5, .w = 6, .c = 2, .o = 3, .kh = 2, .kw = 4, .stride = 1, .padding = 0},    // even windows
    {.n = 2, .h = 5, .w = 5, .c = 3, .o = 4, .kh = 1, .kw = 1, .stride = 3, .padding = 0},    // inputs that no tap reaches
    {.n = 1, .h = 6, .w = 6, .c = 3, .o = 4, .kh = 2, .kw = 2, .stride = 4, .padding = 0},    // inputs that no tap reaches
    // Several blocks of work; with channels in multiples of 8 also on the tensor cores.
    {.n = 2, .h = 8, .w = 8, .c = 16, .o = 32, .kh = 1, .kw = 1, .stride = 2, .padding = 0},
    {.n = 3, .h = 8, .w = 8, .c = 17, .o = 33, .kh = 1, .kw = 1, .stride = 1, .padding = 0},
    {.n = 2, .h = 9, .w = 7, .c = 3, .o = 16, .kh = 3, .kw = 3, .stride = 1, .padding = 1},  // CIFAR's stem
    {.n = 1, .h = 32, .w = 32, .c = 16, .o = 16, .kh = 3, .kw = 3, .stride = 1, .padding = 1},
    {.n = 2, .h = 16, .w = 16, .c = 32, .o = 64, .kh = 3, .kw = 3, .stride = 2, .padding = 1},
    {.n = 5, .h = 4, .w = 4, .c = 70, .o = 67, .kh = 3, .kw = 3, .stride = 1, .padding = 1},  // odd channels, several images in a block
    {.n = 1, .h = 13, .w = 11, .c = 5, .o = 7, .kh = 3, .kw = 3, .stride = 2, .padding = 1},
    {.n = 1, .h = 23, .w = 19, .c = 3, .o = 8, .kh = 7, .kw = 7, .stride = 2, .padding = 3},   // ImageNet's stem
    {.n = 1, .h = 3, .w = 3, .c = 600, .o = 20, .kh = 3, .kw = 3, .stride = 1, .padding = 1},  // a window row longer than a resident piece
    {.n = 1, .h = 40, .w = 40, .c = 96, .o = 8, .kh = 3, .kw = 3, .stride = 1, .padding = 1},  // an image larger than a block
    {.n = 4, .h = 20, .w = 20, .c = 8, .o = 8, .kh = 3, .kw = 3, .stride = 1, .padding = 1},   // several slices of pixels in dw
    {.n = 1, .h = 7, .w = 5, .c = 8, .o = 24, .kh = 1, .kw = 1, .stride = 2, .padding = 0},    // from here on for the tensor cores
    {.n = 2, .h = 8, .w = 8, .c = 16, .o = 72, .kh = 1, .kw = 1, .stride = 2, .padding = 0},   // two tiles of outputs
    {.n = 2, .h = 9, .w = 7, .c = 8, .o = 16, .kh = 3, .kw = 3, .stride = 1, .padding = 1},
    {.n = 1, .h = 23, .w = 19, .c = 8, .o = 8, .kh = 7, .kw = 7, .stride = 2, .padding = 3},
    {.n = 2, .h = 6, .w = 6, .c = 8, .o = 8, .kh = 5, .kw = 3, .stride = 3, .padding = 2},
    {.n = 1, .h = 13, .w = 11, .c = 24, .o = 40, .kh = 3, .kw = 3, .stride = 2, .padding = 1},
    {.n = 5, .h = 4, .w = 4, .c = 72, .o = 80, .kh = 3, .kw = 3, .stride = 1, .padding = 1},
    {.n = 2, .h = 5, .w = 5, .c = 8, .o = 8, .kh = 1, .kw = 1, .stride = 3, .padding = 0},
    {.n = 1, .h = 6, .w = 6, .c = 8, .o = 8, .kh = 2, .kw = 2, .stride = 4, .padding = 0},
    {.n = 1, .h = 5, .w = 6, .c = 8, .o = 8, .kh = 2, .kw = 4, .stride = 1, .padding = 0},
    {.n = 0, .h = 4, .w = 4, .c = 8, .o = 8, .kh = 3, .kw = 3, .stride = 1, .padding = 1},
};

/// Convolutions of networks on 32x32 images, for mode-bench alone.
struct Conv2dLayer {
  const char* name;  ///< "NET/CHANNELS@EDGE", the input's
  Conv2dCase layer;
};
inline const Conv2dLayer conv2d_layers[] = {
    {"resnet18/stem-3to64@32", {.n = 64, .h = 32, .w = 32, .c = 3, .o = 64, .kh = 3, .kw = 3, .stride = 1, .padding = 1}},
    {"resnet18/64@32", {.n = 64, .h = 32, .w = 32, .c = 64, .o = 64, .kh = 3, .kw = 3, .stride = 1, .padding = 1}},
    {"resnet18/128@16", {.n = 64, .h = 16, .w = 16, .c = 128, .o = 128, .kh = 3, .kw = 3, .stride = 1, .padding = 1}},
    {"resnet18/256@8", {.n = 64, .h = 8, .w = 8, .c = 256, .o = 256, .kh = 3, .kw = 3, .stride = 1, .padding = 1}},
    {"resnet18/512@4", {.n = 64, .h = 4, .w = 4, .c = 512, .o = 512, .kh = 3, .kw = 3, .stride = 1, .padding = 1}},
    {"resnet18/stride2-64to128@32", {.n = 64, .h = 32, .w = 32, .c = 64, .o = 128, .kh = 3, .kw = 3, .stride = 2, .padding = 1}},
    {"resnet18/stride2-128to256@16", {.n = 64, .h = 16, .w = 16, .c = 128, .o = 256, .kh = 3, .kw = 3, .stride = 2, .padding = 1}},
    {"resnet18/stride2-256to512@8", {.n = 64, .h = 8, .w = 8, .c = 256, .o = 512, .kh = 3, .kw = 3, .stride = 2, .padding = 1}},
    {"resnet18/1x1-64to128@32", {.n = 64, .h = 32, .w = 32, .c = 64, .o = 128, .kh = 1, .kw = 1, .stride = 2, .padding = 0}},
    {"resnet18/1x1-128to256@16", {.n = 64, .h = 16, .w = 16, .c = 128, .o = 256, .kh = 1, .kw = 1, .stride = 2, .padding = 0}},
    {"resnet18/1x1-256to512@8", {.n = 64, .h = 8, .w = 8, .c = 256, .o = 512, .kh = 1, .kw = 1, .stride = 2, .padding = 0}},
    {"resnet20/stem-3to16@32", {.n = 128, .h = 32, .w = 32, .c = 3, .o = 16, .kh = 3, .kw = 3, .stride = 1, .padding = 1}},
    {"resnet20/16@32", {.n = 128, .h = 32, .w = 32, .c = 16, .o = 16, .kh = 3, .kw = 3, .stride = 1, .padding = 1}},
    {"resnet20/32@16", {.n = 128, .h = 16, .w = 16, .c = 32, .o = 32, .kh = 3, .kw = 3, .stride = 1, .padding = 1}},
    {"resnet20/64@8", {.n = 128, .h = 8, .w = 8, .c = 64, .o = 64, .kh = 3, .kw = 3, .stride = 1, .padding = 1}},
    {"resnet20/stride2-16to32@32", {.n = 128, .h = 32, .w = 32, .c = 16, .o = 32, .kh = 3, .kw = 3, .stride = 2, .padding = 1}},
    {"resnet20/stride2-32to64@16", {.n = 128, .h = 16, .w = 16, .c = 32, .o = 64, .kh = 3, .kw = 3, .stride = 2, .padding = 1}},
};

inline std::vector<GradcheckCase> conv2d_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const Conv2dCase& c : conv2d_cases)
    if (c.x_shape().numel() + c.w_shape().numel() <= gradcheck_elements)
      checks.push_back({"conv2d",
                        c.name(),
                        [params = c.params()](const std::vector<Variable>& in) { return conv2d(in[0], in[1], params); },
                        {random_input(c.x_shape(), 71), random_input(c.w_shape(), 72)}});
  return checks;
}

}  // namespace autograd::cases
