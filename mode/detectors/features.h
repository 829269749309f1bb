#pragma once
// One pass of a network over a data set: everything the detectors need.

#include <functional>
#include <string>
#include <vector>

#include "mode/detectors/regions.h"
#include "nn/checkpoint.h"
#include "nn/data/dataset.h"

namespace mode {

using tensor::Tensor;

struct Features {
  Tensor regions;  ///< (N, M, E) f32, raw means (not normalized); scale 0 is global
  Tensor logits;   ///< (N, classes) f32
  Tensor labels;   ///< i64 (N); -1 where the set has none
  Tensor ids;      ///< i64 (N): index in the set
  std::vector<std::string> image_names;
  std::vector<Scale> scales;
  int64_t map_height = 0, map_width = 0;  ///< of the map whose rectangles the scales are; 0: not known
  int64_t input_size = 0;                 ///< edge of the network's input, in pixels; 0: not known
  int64_t size() const { return labels.dim(0); }
};

/// Each scale's rectangle in pixels of the network's input (in_pixels); none where the features do not know their map or input.
std::vector<tensor::ops::Rect> boxes_of(const Features& features);

/// Shapes and dtypes that belong together, at least one image; `what` names the set in the message.
void check_features(const Features& features, const std::string& what);

/// Regions of these sets of scales. `progress(done, total)` after each batch. The network is put into inference mode and runs on its
/// device; the features are on the cpu. Order: the set's own. A feature or logit that is not finite is an error that names the image.
Features extract_features(nn::ResNet& net, const nn::Dataset& dataset, const nn::Preprocessing& preprocessing, int64_t batch,
                          const std::function<void(int64_t, int64_t)>& progress = {},
                          const std::vector<std::string>& scale_sets = csd_scale_sets());

}  // namespace mode
