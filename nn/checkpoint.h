#pragma once
// Networks to files and back. The file has PyTorch's names and layouts (convolutions (O, I, KH, KW)); memory has ours (O, KH, KW, I).

#include <memory>
#include <string>
#include <vector>

#include "nn/data/resize.h"
#include "nn/resnet.h"
#include "nn/safetensors.h"

namespace nn {

/// How images become the network's input. Belongs to the weights, and travels with them.
struct Preprocessing {
  int64_t size = 32;                          ///< input is size x size
  double mean[3] = {0.4914, 0.4822, 0.4465};  ///< of pixels in 0 .. 1, red green blue
  double std[3] = {0.2470, 0.2435, 0.2616};
  Crop crop = Crop::squash;
  int64_t short_side = 0;  ///< of Crop::center; 0: size
  Framing framing() const { return {size, crop, short_side}; }
};

struct Checkpoint {
  std::string arch;  ///< empty in a foreign file
  ResNetConfig config;
  Preprocessing preprocessing;
  bool has_preprocessing = false;
  std::vector<std::string> class_names;
  std::map<std::string, std::string> metadata;  ///< everything the file says: seed, epoch, isa, commit, indices of the validation split ...
};

struct LoadReport {
  std::vector<std::string> matched, renamed, missing, unexpected;  ///< renamed: "linear.weight -> fc.weight"
  std::string to_string() const;
};

/// Fills the module from PyTorch-named tensors. Aliases are read and reported: `linear` -> `fc`, `shortcut` -> `downsample`, the prefixes
/// `module.` and `encoder.` dropped; `num_batches_tracked` may be absent. f64 and bf16 become f32.
/// The tensors are on the cpu; what they fill stays on its device.
/// Strict: a missing, unexpected, wrongly shaped, wrongly typed or not finite tensor is an Error that lists them; nothing is written to the
/// module then.
LoadReport load_weights(Module& module, const std::map<std::string, Tensor>& tensors);
/// The module's parameters and buffers under PyTorch's names and layouts, as copies on the cpu.
std::map<std::string, Tensor> export_weights(const Module& module);

struct LoadedModel {
  std::unique_ptr<ResNet> net;
  Checkpoint checkpoint;
  LoadReport report;
};
/// Overrides (empty = take the file's): needed for foreign files, which say neither arch nor normalization.
struct ModelOverrides {
  std::string arch = {};
  std::vector<double> mean = {}, std = {};  ///< three numbers each, or empty
};
/// The network in inference mode. What a foreign file does not say is read off its tensors: classes from fc, the stem from conv1's kernel,
/// the shortcut from whether downsample tensors are there; arch must come from the overrides.
LoadedModel load_model(const std::string& path, const ModelOverrides& overrides = {});
/// Writes weights and metadata: arch, classes, class_names, stem, shortcut, input_size, mean, std, crop_policy, resize_filter, seed, isa,
/// content_hash, and whatever checkpoint.metadata has beside them (epoch, commit, the validation split ...). Where two of them speak of the same,
/// the network and the struct's fields win.
void save_model(const std::string& path, const ResNet& net, const Checkpoint& checkpoint);

}  // namespace nn
