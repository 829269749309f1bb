#pragma once
// Explanations as text and as PNG (mode explain; mode/README.md, section "Looking at a decision"): the attention between two images, and the
// training regions nearest to one image.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "mode/alpa/alpa_loss.h"
#include "mode/detectors/features.h"

namespace mode {

// ---- two images: explain_pair.cpp

/// A network and the vectors by which its regions attend.
struct AttentionModel {
  std::unique_ptr<nn::ResNet> net;
  nn::Preprocessing preprocessing;
  std::unique_ptr<AlpaHeads> heads;  ///< null: q, k and v are the L2-normalized local features
  AlpaOptions alpa;
  std::string name;  ///< "resnet18, 3 epochs into runs/a"
};
/// Attention between the regions of image A (0) and image B (1).
struct PairAttention {
  int64_t map_height = 0, map_width = 0;  ///< of the feature map
  int64_t rows = 0, columns = 0;          ///< regions of an image
  std::vector<tensor::ops::Rect> windows;
  int64_t width = 0;                       ///< numbers per vector
  std::array<Attention, 2> to_other = {};  ///< [0]: regions of A in B, [1]: regions of B in A
  std::array<double, 2> own = {};          ///< S of each image with itself
};
/// `images` holds A and B. grid 0: the model's. temperature: of the softmax over cosines, for a model without heads. Throws where the grid is
/// larger than the feature map.
PairAttention attention_of_pair(AttentionModel& model, const nn::Dataset& images, int64_t grid, double temperature);

/// S_AB, S_BA and s; for each direction (0: A to B, 1: B to A) the cosines and the number of attended regions.
std::string format_pair(const PairAttention& pair, const AttentionModel& model, double temperature, const std::vector<size_t>& directions);

struct PairImage {
  nn::Image image;
  double full = 0;  ///< attention drawn in yellow
};
/// One tile per region, at the region's place: one image with the region outlined, and the other image under the region's attention. Colors
/// span 0 to `full`, which is at least four times uniform attention; stretch: the range of each tile.
PairImage draw_pair(const PairAttention& pair, const nn::Dataset& images, const std::vector<size_t>& directions, bool stretch);

// ---- one image: explain_nearest.cpp

/// The decision of CSD on one image.
struct NearestRegions {
  struct ScaleDistance {
    Scale scale;
    Region box;  ///< in pixels of the input
    double nearest = 0, kth = 0;
  };
  struct Neighbor {
    int64_t image = 0, label = -1;  ///< index in the training set; -1: no label
    Scale scale;
    Region box;
    double distance = 0;  ///< squared L2
  };
  int64_t k = 0, bank_rows = 0;
  int64_t map_height = 0, map_width = 0;  ///< of the feature map
  std::vector<ScaleDistance> scales;
  size_t decisive = 0;              ///< index of the scale with the least K-th distance; ties: the first. The score is minus that distance
  std::vector<Neighbor> neighbors;  ///< training regions nearest to the decisive region, ascending
};
/// `image` holds the features of one image. `count` neighbors are listed, at most the rows of the bank.
NearestRegions nearest_regions(const Features& image, const Features& training, int64_t k, int64_t count);

std::string format_nearest(const NearestRegions& regions, const nn::Dataset& training);
/// The image and the neighbors in a row, each with its region outlined.
nn::Image draw_nearest(const NearestRegions& regions, const nn::Image& image, const nn::Dataset& training);

}  // namespace mode
