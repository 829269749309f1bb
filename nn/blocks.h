#pragma once
// The blocks that residual networks are made of. He, Zhang, Ren, Sun: "Deep residual learning for image recognition", CVPR 2016, figure 5.

#include <memory>
#include <string>
#include <vector>

#include "nn/layers.h"

namespace nn {

/// Two 3x3 convolutions; or 1x1, 3x3, 1x1, of which the last has four times as many channels as the two before.
enum class BlockKind { basic, bottleneck };
/// Where a block changes the map's size: what the papers use for the arch; 1x1 convolution + BatchNorm; subsampling and zero channels.
enum class Shortcut { standard, projection, option_a };

/// One line of the table that training prints at the start. The BatchNorm behind a convolution is part of its line.
struct LayerRow {
  std::string name;  ///< "layer1.0.conv1 + bn1"
  Shape output;      ///< for one image: (1, H, W, C) or (1, C)
  int64_t parameters = 0;
  double mflop = 0;        ///< of convolutions and Linear; multiply and add count as two; forward pass of one image
  int64_t kept_bytes = 0;  ///< what a training step in f32 keeps of one image until the backward pass has used it
};

/// Appends the line of a convolution with its BatchNorm on an (1, H, W, C) map, and returns the map behind it. Training keeps the
/// convolution's output, and with `relu` the BatchNorm's, whose sign is ReLU's mask and which the next convolution reads.
Shape add_row(std::vector<LayerRow>& rows, const std::string& name, const Conv2d& conv, const Shape& input, bool relu = true);

/// 1x1 convolution and BatchNorm: the children "0" and "1" of PyTorch's Sequential.
class Projection : public Module {
 public:
  Projection(int64_t in_channels, int64_t out_channels, int64_t stride);
  Variable operator()(const Variable& x) { return bn(conv(x)); }

  Conv2d conv;
  BatchNorm2d bn;
};

/// relu(branch(x) + shortcut(x)); (N, H, W, C) -> (N, ceil(H / stride), ceil(W / stride), O).
class Block : public Module {
 public:
  virtual Variable operator()(const Variable& x) = 0;
  /// The lines of its convolutions; returns the map behind the block.
  virtual Shape add_rows(std::vector<LayerRow>& rows, const std::string& name, const Shape& input) const = 0;

 protected:
  /// To be called behind the branch's registrations, as torchvision's order has it.
  void set_shortcut(Shortcut shortcut, int64_t in_channels, int64_t out_channels, int64_t stride);
  Variable shortcut(const Variable& x);
  void add_shortcut_row(std::vector<LayerRow>& rows, const std::string& name, const Shape& input) const;

 private:
  bool changes_size_ = false;
  int64_t out_channels_ = 0, stride_ = 1;
  std::unique_ptr<Projection> downsample_;
};

/// Channels behind a block of `width`: width, or 4 width.
int64_t block_channels(BlockKind kind, int64_t width);
/// `shortcut` is projection or option_a.
std::unique_ptr<Block> make_block(BlockKind kind, int64_t in_channels, int64_t width, int64_t stride, Shortcut shortcut);

}  // namespace nn
