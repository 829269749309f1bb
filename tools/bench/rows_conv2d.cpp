// The convolutions of ResNet-18 (batch 64) and ResNet-20 (batch 128) on 32x32 images, all three passes.

#include "autograd/cases/conv2d.h"
#include "tools/bench/measure.h"

namespace bench {

namespace ops = tensor::ops;

std::vector<Row> conv2d_rows() {
  std::vector<Row> rows;
  for (const auto& [name, layer] : autograd::cases::conv2d_layers) {
    const tensor::Shape x_shape = layer.x_shape(), w_shape = layer.w_shape();
    const ops::Conv2dParams params = layer.params();
    const tensor::Shape y_shape = ops::conv2d_output_shape(x_shape, w_shape, params);
    // Taps on the padding count, as is usual.
    const double flops = 2.0 * static_cast<double>(y_shape.numel()) * static_cast<double>(layer.kh * layer.kw * layer.c);
    const double bytes = 4.0 * static_cast<double>(x_shape.numel() + w_shape.numel() + y_shape.numel());
    const std::string full = name, net = full.substr(0, full.find('/')), shape = full.substr(full.find('/'));
    const auto add = [&](const char* pass, std::function<std::function<void()>()> prepare) {
      rows.push_back({.name = "conv2d/" + net + "/" + pass + shape, .flops = flops, .bytes = bytes, .prepare = std::move(prepare)});
    };
    add("forward", [=] { return [=, x = random_tensor(x_shape, 1), w = random_tensor(w_shape, 2)] { ops::conv2d(x, w, params); }; });
    if (layer.c > 3)  // the images' dx is never computed
      add("dx",
          [=] { return [=, dy = random_tensor(y_shape, 1), w = random_tensor(w_shape, 2)] { ops::conv2d_dx(w, dy, x_shape, params); }; });
    add("dw",
        [=] { return [=, x = random_tensor(x_shape, 1), dy = random_tensor(y_shape, 2)] { ops::conv2d_dw(x, dy, w_shape, params); }; });
  }
  return rows;
}

}  // namespace bench
