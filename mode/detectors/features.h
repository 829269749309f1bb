#pragma once
// Features: a network's outputs for a dataset, as the detectors need them.

#include <functional>
#include <string>
#include <vector>

#include "mode/detectors/regions.h"
#include "nn/checkpoint.h"
#include "nn/data/dataset.h"

namespace mode {

using tensor::Tensor;

struct Features {
  Tensor regions;  ///< (N, M, E) f32: means of the feature map over M scales, not normalized; scale 0 is global
  Tensor logits;   ///< (N, classes) f32
  Tensor labels;   ///< i64 (N); -1: unlabeled
  Tensor ids;      ///< i64 (N): index in the dataset
  std::vector<std::string> image_names;
  std::vector<Scale> scales;
  int64_t map_height = 0, map_width = 0;  ///< extent of the feature map; 0: unknown
  int64_t input_size = 0;                 ///< edge of the network's input in pixels; 0: unknown
  int64_t size() const { return labels.dim(0); }
};

/// The input region of each scale, in pixels; empty if the extents of feature map or input are unknown.
std::vector<Region> input_regions(const Features& features);

/// Throws unless shapes and dtypes agree and there is at least one image; `what` names the dataset in the message.
void check_features(const Features& features, const std::string& what);

/// Features of all images, in the dataset's order, on the cpu. The network is put into inference mode and runs on its own device.
/// `progress(done, total)` is called after each batch. A feature or logit that is not finite is an error that names the image.
Features extract_features(nn::ResNet& net, const nn::Dataset& dataset, const nn::Preprocessing& preprocessing, int64_t batch,
                          const std::function<void(int64_t, int64_t)>& progress = {},
                          const std::vector<std::string>& scale_sets = csd_scale_sets());

}  // namespace mode
