// Convolutions of ResNet-18 (batch 64) and ResNet-20 (batch 128) on 32x32 images, all three passes.

#include "tensor/ops/conv2d.h"
#include "tools/bench/rows.h"

namespace bench {
namespace {

namespace ops = tensor::ops;

struct ConvShape {
  const char* name;  // "CHANNELS@EDGE of the input", and what is special
  int64_t edge, in, out, kernel, stride, padding;
};

const ConvShape resnet18[] = {
    {"stem-3to64@32", 32, 3, 64, 3, 1, 1},
    {"64@32", 32, 64, 64, 3, 1, 1},
    {"128@16", 16, 128, 128, 3, 1, 1},
    {"256@8", 8, 256, 256, 3, 1, 1},
    {"512@4", 4, 512, 512, 3, 1, 1},
    {"stride2-64to128@32", 32, 64, 128, 3, 2, 1},
    {"stride2-128to256@16", 16, 128, 256, 3, 2, 1},
    {"stride2-256to512@8", 8, 256, 512, 3, 2, 1},
    {"1x1-64to128@32", 32, 64, 128, 1, 2, 0},
    {"1x1-128to256@16", 16, 128, 256, 1, 2, 0},
    {"1x1-256to512@8", 8, 256, 512, 1, 2, 0},
};
const ConvShape resnet20[] = {
    {"stem-3to16@32", 32, 3, 16, 3, 1, 1},
    {"16@32", 32, 16, 16, 3, 1, 1},
    {"32@16", 16, 32, 32, 3, 1, 1},
    {"64@8", 8, 64, 64, 3, 1, 1},
    {"stride2-16to32@32", 32, 16, 32, 3, 2, 1},
    {"stride2-32to64@16", 16, 32, 64, 3, 2, 1},
};

void add_shape(std::vector<Row>& rows, const std::string& net, int64_t batch, const ConvShape& s) {
  const tensor::Shape x_shape = {batch, s.edge, s.edge, s.in}, w_shape = {s.out, s.kernel, s.kernel, s.in};
  const ops::Conv2dParams params{.stride = s.stride, .padding = s.padding};
  const tensor::Shape y_shape = ops::conv2d_output_shape(x_shape, w_shape, params);
  // Taps on the padding are counted, as everyone counts them.
  const double flops = 2.0 * static_cast<double>(y_shape.numel()) * static_cast<double>(s.kernel * s.kernel * s.in);
  const double bytes = 4.0 * static_cast<double>(x_shape.numel() + w_shape.numel() + y_shape.numel());
  const auto add = [&](const char* pass, std::function<std::function<void()>()> prepare) {
    rows.push_back({.name = "conv2d/" + net + "/" + pass + "/" + s.name, .flops = flops, .bytes = bytes, .prepare = std::move(prepare)});
  };
  add("forward", [=] { return [=, x = random_tensor(x_shape, 1), w = random_tensor(w_shape, 2)] { ops::conv2d(x, w, params); }; });
  if (s.in > 3)  // no one needs the gradient of the images
    add("dx",
        [=] { return [=, dy = random_tensor(y_shape, 1), w = random_tensor(w_shape, 2)] { ops::conv2d_dx(dy, w, x_shape, params); }; });
  add("dw", [=] { return [=, x = random_tensor(x_shape, 1), dy = random_tensor(y_shape, 2)] { ops::conv2d_dw(x, dy, w_shape, params); }; });
}

}  // namespace

std::vector<Row> conv2d_rows() {
  std::vector<Row> rows;
  for (const ConvShape& shape : resnet18) add_shape(rows, "resnet18", 64, shape);
  for (const ConvShape& shape : resnet20) add_shape(rows, "resnet20", 128, shape);
  return rows;
}

}  // namespace bench
