#pragma once
// Linear probe: a linear classifier on the frozen global features of a network without a usable classifier.

#include "mode/detectors/features.h"

namespace mode {

/// SGD with momentum 0.9 and a cosine schedule, on features scaled to mean 0 and standard deviation 1.
struct ProbeOptions {
  int64_t epochs = 100, batch = 256;
  double lr = 0.1, weight_decay = 1e-4;
  uint64_t seed = 1;
};
/// logits = features weight^T + bias
struct Probe {
  Tensor weight;  ///< (classes, E) f32
  Tensor bias;    ///< (classes) f32
};
/// Minimizes cross-entropy on the global features; labels 0 .. classes - 1. Calls progress(epoch) after each epoch, from 1. Throws where an
/// image has no label or the loss is not finite.
Probe train_probe(const Features& train, int64_t classes, const ProbeOptions& options, const std::function<void(int64_t)>& progress = {});
/// The features with the probe's logits in place of the network's.
Features with_probe(Features features, const Probe& probe);

}  // namespace mode
