#pragma once
// Networks to files and back. The file has PyTorch's names and layouts (convolutions (O, I, KH, KW)); memory has ours (O, KH, KW, I).

#include <memory>
#include <string>
#include <vector>

#include "nn/resnet.h"
#include "nn/safetensors.h"

namespace nn {

/// How pictures become the network's input. Belongs to the weights, and travels with them.
struct Preprocessing {
  int64_t size = 32;                              ///< input is size x size
  double mean[3] = {0.4914, 0.4822, 0.4465};      ///< of pixels in 0 .. 1, red green blue
  double std[3] = {0.2470, 0.2435, 0.2616};
};

struct Checkpoint {
  std::string arch;  ///< empty in a foreign file
  ResNetConfig config;
  Preprocessing preprocessing;
  bool has_preprocessing = false;
  std::vector<std::string> class_names;
  std::map<std::string, std::string> metadata;  ///< everything the file says: seed, epoch, isa, commit, ids of held-out pictures ...
};

struct LoadReport {
  std::vector<std::string> matched, renamed, missing, unexpected;  ///< renamed: "linear.weight -> fc.weight"
  std::string to_string() const;
};

/// Fills the module from PyTorch-named tensors. Aliases of DESIGN 12 are read and reported. Strict: a missing, unexpected or wrongly shaped
/// tensor is an Error that lists them; nothing is written to the module then.
LoadReport load_weights(Module& module, const std::map<std::string, Tensor>& tensors);
/// The module's parameters and buffers under PyTorch's names and layouts.
std::map<std::string, Tensor> export_weights(const Module& module);

struct LoadedModel {
  std::unique_ptr<ResNet> net;
  Checkpoint checkpoint;
  LoadReport report;
};
/// Overrides (empty = take the file's): needed for foreign files, which say neither arch nor normalisation.
struct ModelOverrides {
  std::string arch;
  std::vector<double> mean, std;  ///< three numbers each, or empty
};
LoadedModel load_model(const std::string& path, const ModelOverrides& overrides = {});
void save_model(const std::string& path, const ResNet& net, const Checkpoint& checkpoint);

}  // namespace nn
