#pragma once
// Saving and loading networks. Files have PyTorch's names and layouts (convolutions (O, I, KH, KW)); memory has (O, KH, KW, I).

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nn/data/preprocessing.h"
#include "nn/resnet.h"
#include "nn/safetensors.h"

namespace nn {

struct Checkpoint {
  std::string arch;  ///< empty in a foreign file
  ResNetConfig config;
  Preprocessing preprocessing;
  bool has_preprocessing = false;
  std::vector<std::string> class_names;
  std::map<std::string, std::string> metadata;  ///< all metadata of the file: seed, epoch, isa, commit, indices of the validation split ...
};

struct LoadReport {
  std::vector<std::string> matched, renamed, missing, unexpected;  ///< renamed: "linear.weight -> fc.weight"
  std::string to_string() const;
};

/// Fills the module from tensors with PyTorch's names; the tensors are on the cpu, the parameters stay on their device.
/// Aliases are accepted and reported: `linear` for `fc`, `shortcut` for `downsample`, the prefixes `module.` and `encoder.`.
/// f64, f16 and bf16 become f32. `num_batches_tracked` may be absent.
/// A tensor that is missing, unexpected, not finite or of a wrong shape or dtype is an Error that lists it; the module is then unchanged.
LoadReport load_weights(Module& module, const std::map<std::string, Tensor>& tensors);
/// Parameters and buffers with PyTorch's names and layouts, as copies on the cpu.
std::map<std::string, Tensor> export_weights(const Module& module);
/// The name that an alias stands for: "module.linear.bias" -> "fc.bias", "layer2.0.shortcut.0.weight" -> "layer2.0.downsample.0.weight".
std::string canonical_name(const std::string& name);

struct LoadedModel {
  std::unique_ptr<ResNet> net;
  Checkpoint checkpoint;
  LoadReport report;
};
/// Replaces values of the file; an empty value keeps the file's. Foreign files need them: they have neither arch nor normalization.
struct ModelOverrides {
  std::string arch = {};
  std::vector<double> mean = {}, std = {};  ///< three numbers each, or empty
};
/// The network in inference mode. A foreign file needs an arch from the overrides. Its other settings are inferred from the tensors: the
/// classes from fc, the stem from the kernel size of conv1, the shortcut from the presence of downsample tensors.
LoadedModel load_model(const std::string& path, const ModelOverrides& overrides = {});
/// Writes weights and metadata: arch, classes, class_names, stem, shortcut, input_size, mean, std, crop_policy, resize_filter, seed, isa,
/// content_hash, and the other keys of checkpoint.metadata (epoch, commit, indices of the validation split ...). Values of the network and of
/// the struct replace equal keys of checkpoint.metadata.
void save_model(const std::string& path, const ResNet& net, const Checkpoint& checkpoint);

}  // namespace nn
