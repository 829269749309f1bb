#pragma once
// Residual networks: He et al.'s CIFAR nets of 6n + 2 layers (16-32-64 channels; 8, 14, 20, 32, 44, 56) and ResNet-18 / 34
// (64-128-256-512). He, Zhang, Ren, Sun: "Deep residual learning for image recognition", CVPR 2016.

#include <memory>
#include <string>
#include <vector>

#include "nn/layers.h"

namespace nn {

enum class Stem { cifar, imagenet };  ///< 3x3 stride 1 without pooling; 7x7 stride 2 and 3x3 maximum
/// Where a block changes the map's size: what the papers use for the arch; 1x1 convolution + BatchNorm; subsampling and zero channels.
enum class Shortcut { standard, projection, option_a };

struct ResNetConfig {
  int64_t classes = 10;
  Stem stem = Stem::cifar;
  Shortcut shortcut = Shortcut::standard;  ///< a network's own config() names one of the two others
  uint64_t seed = 1;
};

struct ResNetOutput {
  Variable map;       ///< (N, H, W, E): ReLU output of the last stage
  Variable features;  ///< (N, E): its global average
  Variable logits;    ///< (N, classes)
};

/// One line of the table that training prints at the start. The BatchNorm behind a convolution is part of its line.
struct LayerRow {
  std::string name;  ///< "layer1.0.conv1 + bn1"
  Shape output;      ///< for one picture: (1, H, W, C) or (1, C)
  int64_t parameters = 0;
  double mflop = 0;  ///< of convolutions and Linear; multiply and add count as two; forward pass of one picture
};

class BasicBlock;

class ResNet : public Module {
 public:
  /// `blocks` per stage, e.g. {2, 2, 2, 2}; `widths` of the stages, e.g. {64, 128, 256, 512}. Not initialised yet (nn/init.h);
  /// Shortcut::standard is projection here.
  ResNet(std::string arch, std::vector<int64_t> blocks, std::vector<int64_t> widths, ResNetConfig config);
  ~ResNet() override;

  /// pictures (N, H, W, 3), normalised, f32.
  ResNetOutput operator()(const Variable& pictures);
  ResNetOutput operator()(const Tensor& pictures) { return (*this)(Variable(pictures)); }

  const std::string& arch() const { return arch_; }
  const ResNetConfig& config() const { return config_; }
  int64_t embedding() const;  ///< E
  std::vector<LayerRow> layer_table(int64_t height, int64_t width) const;

 private:
  std::string arch_;
  ResNetConfig config_;
  Conv2d conv1_;
  BatchNorm2d bn1_;
  std::vector<std::vector<std::unique_ptr<BasicBlock>>> stages_;
  Linear fc_;
};

/// "resnet8" .. "resnet56", "resnet18", "resnet34"; an unknown name is an error that lists them. Initialised from config.seed, unless
/// `initialized` is false (a loader fills it anyway).
std::unique_ptr<ResNet> make_resnet(const std::string& arch, ResNetConfig config = {}, bool initialized = true);
std::vector<std::string> known_archs();
/// What the papers use for the arch: option_a for 6n + 2, projection for 18 and 34.
Shortcut default_shortcut(const std::string& arch);
/// E, the width of its last stage.
int64_t embedding_of(const std::string& arch);

}  // namespace nn
