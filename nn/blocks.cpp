#include "nn/blocks.h"

namespace nn {
namespace {

/// relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)), figure 5 left.
class BasicBlock : public Block {
 public:
  BasicBlock(int64_t in_channels, int64_t width, int64_t stride, Shortcut shortcut)
      : conv1_(in_channels, width, 3, stride, 1), bn1_(width), conv2_(width, width, 3, 1, 1), bn2_(width) {
    register_module("conv1", &conv1_);
    register_module("bn1", &bn1_);
    register_module("conv2", &conv2_);
    register_module("bn2", &bn2_);
    set_shortcut(shortcut, in_channels, width, stride);
  }

  Variable operator()(const Variable& x) override {
    const Variable inner = bn1_(conv1_(x), /*relu=*/true);
    return bn2_(conv2_(inner), /*relu=*/true, shortcut(x));
  }

  Shape append_layers(std::vector<LayerRow>& rows, const std::string& name, const Shape& input) const override {
    const Shape inner = append_layer(rows, name + ".conv1 + bn1", conv1_, input);
    const Shape output = append_layer(rows, name + ".conv2 + bn2", conv2_, inner);
    append_shortcut(rows, name, input);
    return output;
  }

 private:
  Conv2d conv1_;
  BatchNorm2d bn1_;
  Conv2d conv2_;
  BatchNorm2d bn2_;
};

/// relu(bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x)))))))) + shortcut(x)), figure 5 right. The 3x3 convolution has the stride, as in
/// torchvision and its weights. The paper gives it to the first 1x1 convolution, which then ignores three of four pixels.
class Bottleneck : public Block {
 public:
  Bottleneck(int64_t in_channels, int64_t width, int64_t stride, Shortcut shortcut)
      : conv1_(in_channels, width, 1, 1, 0),
        bn1_(width),
        conv2_(width, width, 3, stride, 1),
        bn2_(width),
        conv3_(width, block_channels(BlockKind::bottleneck, width), 1, 1, 0),
        bn3_(block_channels(BlockKind::bottleneck, width)) {
    register_module("conv1", &conv1_);
    register_module("bn1", &bn1_);
    register_module("conv2", &conv2_);
    register_module("bn2", &bn2_);
    register_module("conv3", &conv3_);
    register_module("bn3", &bn3_);
    set_shortcut(shortcut, in_channels, block_channels(BlockKind::bottleneck, width), stride);
  }

  Variable operator()(const Variable& x) override {
    const Variable reduced = bn1_(conv1_(x), /*relu=*/true);
    const Variable inner = bn2_(conv2_(reduced), /*relu=*/true);
    return bn3_(conv3_(inner), /*relu=*/true, shortcut(x));
  }

  Shape append_layers(std::vector<LayerRow>& rows, const std::string& name, const Shape& input) const override {
    const Shape reduced = append_layer(rows, name + ".conv1 + bn1", conv1_, input);
    const Shape inner = append_layer(rows, name + ".conv2 + bn2", conv2_, reduced);
    const Shape output = append_layer(rows, name + ".conv3 + bn3", conv3_, inner);
    append_shortcut(rows, name, input);
    return output;
  }

 private:
  Conv2d conv1_;
  BatchNorm2d bn1_;
  Conv2d conv2_;
  BatchNorm2d bn2_;
  Conv2d conv3_;
  BatchNorm2d bn3_;
};

}  // namespace

Shape append_layer(std::vector<LayerRow>& rows, const std::string& name, const Conv2d& conv, const Shape& input, bool relu) {
  const Tensor& w = conv.weight.value();
  const Shape output = tensor::ops::conv2d_output_shape(input, w.shape(), conv.params());
  const double flop = 2.0 * static_cast<double>(output.numel()) * static_cast<double>(w.numel() / w.dim(0));
  const int64_t output_bytes = output.numel() * int64_t{sizeof(float)};
  rows.push_back({.name = name,
                  .output = output,
                  .parameters = w.numel() + 2 * w.dim(0),
                  .mflop = flop * 1e-6,
                  .saved_bytes = relu ? 2 * output_bytes : output_bytes});
  return output;
}

Projection::Projection(int64_t in_channels, int64_t out_channels, int64_t stride)
    : conv(in_channels, out_channels, 1, stride, 0), bn(out_channels) {
  register_module("0", &conv);
  register_module("1", &bn);
}

void Block::set_shortcut(Shortcut shortcut, int64_t in_channels, int64_t out_channels, int64_t stride) {
  out_channels_ = out_channels;
  stride_ = stride;
  changes_size_ = stride != 1 || in_channels != out_channels;
  if (!changes_size_ || shortcut != Shortcut::projection) return;
  downsample_ = std::make_unique<Projection>(in_channels, out_channels, stride);
  register_module("downsample", downsample_.get());
}

Variable Block::shortcut(const Variable& x) {
  if (!changes_size_) return x;
  if (downsample_) return (*downsample_)(x);
  return autograd::subsample_pad(x, stride_, out_channels_);
}

void Block::append_shortcut(std::vector<LayerRow>& rows, const std::string& name, const Shape& input) const {
  if (downsample_) append_layer(rows, name + ".downsample", downsample_->conv, input, /*relu=*/false);
}

int64_t block_channels(BlockKind kind, int64_t width) { return kind == BlockKind::bottleneck ? 4 * width : width; }

std::unique_ptr<Block> make_block(BlockKind kind, int64_t in_channels, int64_t width, int64_t stride, Shortcut shortcut) {
  if (kind == BlockKind::bottleneck) return std::make_unique<Bottleneck>(in_channels, width, stride, shortcut);
  return std::make_unique<BasicBlock>(in_channels, width, stride, shortcut);
}

}  // namespace nn
