#pragma once
// Residual networks. He, Zhang, Ren, Sun: "Deep residual learning for image recognition", CVPR 2016.
// The CIFAR networks of 6n + 2 layers with 16-32-64 channels (resnet8, 14, 20, 32, 44, 56); ResNet-18 and 34 with 64-128-256-512 channels;
// ResNet-50 and 101 with bottleneck blocks, whose outputs have four times as many channels.

#include <memory>
#include <string>
#include <vector>

#include "nn/blocks.h"

namespace nn {

/// cifar: 3x3 convolution with stride 1, no pooling. imagenet: 7x7 convolution with stride 2, then 3x3 max pooling with stride 2.
enum class Stem { cifar, imagenet };
/// Names in files and on command lines.
const std::vector<std::pair<std::string, Stem>>& stem_names();
const std::vector<std::pair<std::string, Shortcut>>& shortcut_names();

struct ResNetConfig {
  int64_t classes = 10;
  Stem stem = Stem::cifar;
  Shortcut shortcut = Shortcut::standard;  ///< in ResNet::config(): projection or option_a
  uint64_t seed = 1;
};

struct ResNetOutput {
  Variable feature_map;  ///< (N, H, W, E): ReLU output of the last stage
  Variable features;     ///< (N, E): global average of the feature map
  Variable logits;       ///< (N, classes)
};

class ResNet : public Module {
 public:
  /// `blocks` and `widths` have one number per stage, e.g. {2, 2, 2, 2} and {64, 128, 256, 512}. A width is the number of channels inside
  /// the blocks; the output of a bottleneck has four times as many. Shortcut::standard is projection here. Weights are zero until
  /// initialize() (nn/module.h) or load_weights() (nn/checkpoint.h).
  ResNet(std::string arch, BlockKind kind, std::vector<int64_t> blocks, std::vector<int64_t> widths, ResNetConfig config);

  /// images (N, H, W, 3), normalized, f32.
  ResNetOutput operator()(const Variable& images);
  ResNetOutput operator()(const Tensor& images) { return (*this)(Variable(images)); }

  const std::string& arch() const { return arch_; }
  const ResNetConfig& config() const { return config_; }
  int64_t feature_dim() const;  ///< E
  std::vector<LayerRow> layer_table(int64_t height, int64_t width) const;

 private:
  std::string arch_;
  ResNetConfig config_;
  Conv2d conv1_;
  BatchNorm2d bn1_;
  std::vector<std::vector<std::unique_ptr<Block>>> stages_;
  Linear fc_;
};

/// The network of an arch from known_archs(); an unknown name is an Error that lists them. Initialized from config.seed unless
/// `initialized` is false.
std::unique_ptr<ResNet> make_resnet(const std::string& arch, ResNetConfig config = {}, bool initialized = true);
/// "resnet8" .. "resnet56", "resnet18", "resnet34", "resnet50", "resnet101".
std::vector<std::string> known_archs();
/// A table of the layers for one image of size x size, with the sums in the last row; columns as in LayerRow.
std::string format_layer_table(const ResNet& net, int64_t size);
/// The shortcut that the paper uses for the arch: option_a for 6n + 2 layers, projection for 18, 34, 50 and 101.
Shortcut default_shortcut(const std::string& arch);
/// E, the number of output channels of the last stage: 64; 512 for 18 and 34; 2048 for 50 and 101.
int64_t feature_dim_of(const std::string& arch);

/// The autograd graph of one forward pass in training mode over two images of size x size, in Graphviz's DOT language.
/// A node is an op with the name of its module, the shapes of its parameters and its output shape. An edge is a tensor; dashed edges are
/// residual inputs. A cluster is a stage. A pass that would save more than 2 GB for the backward pass is an Error.
std::string dot_graph(const std::string& arch, const ResNetConfig& config, int64_t size);

}  // namespace nn
