#pragma once
// How well a network's features tell its classes apart, where it has no classifier, or an old one: nearest neighbors, and a linear probe.

#include "mode/detectors/features.h"

namespace mode {

/// Share of `test` whose label most of its k nearest training images have (global vectors of length 1, squared L2). Among labels with as
/// many votes the one whose nearest voter is nearest wins. k is lowered to the number of training images. Every image needs a label.
double knn_accuracy(const Features& train, const Features& test, int64_t k);

struct ProbeOptions {
  int64_t epochs = 100, batch = 256;
  double lr = 0.1, weight_decay = 1e-4;  ///< of SGD with momentum 0.9, on features scaled to mean 0 and standard deviation 1; cosine
  uint64_t seed = 1;
};
/// logits = features weight^T + bias
struct Probe {
  Tensor weight;  ///< (classes, E)
  Tensor bias;    ///< (classes)
};
/// A linear classifier by cross-entropy on the global features, which stay as they are. Labels 0 .. classes - 1. `progress(epoch)` after
/// each.
Probe train_probe(const Features& train, int64_t classes, const ProbeOptions& options, const std::function<void(int64_t)>& progress = {});
/// The features with the probe's logits in place of the network's.
Features with_probe(Features features, const Probe& probe);

}  // namespace mode
