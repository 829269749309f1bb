#pragma once
// Residual networks: He et al.'s CIFAR nets of 6n + 2 layers (16-32-64 channels; 8, 14, 20, 32, 44, 56), ResNet-18 / 34 (64-128-256-512)
// and, of bottleneck blocks with four times these channels behind each, ResNet-50 / 101.
// He, Zhang, Ren, Sun: "Deep residual learning for image recognition", CVPR 2016.

#include <memory>
#include <string>
#include <vector>

#include "nn/blocks.h"

namespace nn {

enum class Stem { cifar, imagenet };  ///< 3x3 stride 1 without pooling; 7x7 stride 2 and 3x3 maximum

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

class ResNet : public Module {
 public:
  /// `blocks` per stage, e.g. {2, 2, 2, 2}; `widths` of the stages, e.g. {64, 128, 256, 512}: channels inside their blocks, of which a
  /// bottleneck makes four times as many. Not initialized yet (nn/init.h); Shortcut::standard is projection here.
  ResNet(std::string arch, BlockKind kind, std::vector<int64_t> blocks, std::vector<int64_t> widths, ResNetConfig config);

  /// images (N, H, W, 3), normalized, f32.
  ResNetOutput operator()(const Variable& images);
  ResNetOutput operator()(const Tensor& images) { return (*this)(Variable(images)); }

  const std::string& arch() const { return arch_; }
  const ResNetConfig& config() const { return config_; }
  int64_t embedding() const;  ///< E
  std::vector<LayerRow> layer_table(int64_t height, int64_t width) const;

 private:
  std::string arch_;
  ResNetConfig config_;
  Conv2d conv1_;
  BatchNorm2d bn1_;
  std::vector<std::vector<std::unique_ptr<Block>>> stages_;
  Linear fc_;
};

/// "resnet8" .. "resnet56", "resnet18", "resnet34", "resnet50", "resnet101"; an unknown name is an error that lists them. Initialized from
/// config.seed, unless `initialized` is false (a loader fills it anyway).
std::unique_ptr<ResNet> make_resnet(const std::string& arch, ResNetConfig config = {}, bool initialized = true);
std::vector<std::string> known_archs();
/// What the papers use for the arch: option_a for 6n + 2, projection for 18, 34, 50 and 101.
Shortcut default_shortcut(const std::string& arch);
/// E, the channels behind its last stage: 64, 512, or 2048 for 50 and 101.
int64_t embedding_of(const std::string& arch);

}  // namespace nn
