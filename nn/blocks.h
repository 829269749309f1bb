#pragma once
// Residual blocks. He, Zhang, Ren, Sun: "Deep residual learning for image recognition", CVPR 2016, figure 5.

#include <memory>
#include <string>
#include <vector>

#include "nn/layers.h"

namespace nn {

/// basic: two 3x3 convolutions. bottleneck: 1x1, 3x3 and 1x1 convolutions, the last with four times as many channels as the others.
enum class BlockKind { basic, bottleneck };
/// The shortcut of a block that changes the size of the feature map. standard: the one that the papers use for the arch; projection: 1x1
/// convolution and BatchNorm; option_a: subsampling and zero channels.
enum class Shortcut { standard, projection, option_a };

/// One row of the layer table. A convolution includes the BatchNorm that follows it.
struct LayerRow {
  std::string name;  ///< "layer1.0.conv1 + bn1"
  Shape output;      ///< for one image: (1, H, W, C) or (1, C)
  int64_t parameters = 0;
  double mflop = 0;         ///< forward pass of one image; convolutions and Linear; a multiply-add counts as 2
  int64_t saved_bytes = 0;  ///< memory that a training step in f32 saves for the backward pass of one image
};

/// Appends the row of a convolution with its BatchNorm for an input (1, H, W, C); returns the output shape.
/// Training saves the output of the convolution. With `relu` it also saves the output of the BatchNorm: its sign is the mask of ReLU, and it
/// is the input of the next convolution.
Shape append_layer(std::vector<LayerRow>& rows, const std::string& name, const Conv2d& conv, const Shape& input, bool relu = true);

/// 1x1 convolution and BatchNorm, as children "0" and "1", the names of PyTorch's Sequential.
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
  /// Appends the rows of the block's convolutions; returns the output shape.
  virtual Shape append_layers(std::vector<LayerRow>& rows, const std::string& name, const Shape& input) const = 0;

 protected:
  /// Called after the branch is registered, which gives torchvision's order of parameters.
  void set_shortcut(Shortcut shortcut, int64_t in_channels, int64_t out_channels, int64_t stride);
  Variable shortcut(const Variable& x);
  void append_shortcut(std::vector<LayerRow>& rows, const std::string& name, const Shape& input) const;

 private:
  bool changes_size_ = false;
  int64_t out_channels_ = 0, stride_ = 1;
  std::unique_ptr<Projection> downsample_;
};

/// Output channels of a block: `width`, or 4 `width` of a bottleneck.
int64_t block_channels(BlockKind kind, int64_t width);
/// `shortcut` is projection or option_a.
std::unique_ptr<Block> make_block(BlockKind kind, int64_t in_channels, int64_t width, int64_t stride, Shortcut shortcut);

}  // namespace nn
