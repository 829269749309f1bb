#pragma once
// mode explain: a pair of images by the attention that ALPA trains, or one image by the training regions that decide its score; as a
// PNG to look at, and the numbers behind it.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "nn/data/dataset.h"

namespace mode::tools {

struct ExplainOptions {
  std::vector<std::string> images;  ///< files: two for the attention, one for its nearest training regions
  std::string model;                ///< a network without heads; or
  std::string run;                  ///< folder of a run that was trained with ALPA
  std::string out;                  ///< the PNG
  // two images
  int64_t grid = 0;  ///< 0: the run's, else ALPA's default
  double temperature = 0.1;
  std::string direction = "both";  ///< "ab", "ba"
  bool stretch = false;            ///< each tile's colors from its least to its largest attention
  // one image
  std::string id;                   ///< the training images
  int64_t k = 10, nearest = 5;      ///< neighbor whose distance decides; images that are shown
  std::vector<std::string> scales;  ///< sets of them; empty: csd's
  int64_t batch = 256;
  std::string arch;               ///< for weights that do not say it
  std::vector<double> mean, std;  ///< likewise
  std::string device = "cpu";
  int threads = 0;
  std::set<std::string> given;  ///< options that the command line named, as "grid"
};
int run_explain(const ExplainOptions& options);

/// Two images A and B. For each region of A, at that region's place in the sheet: A with the region outlined, and B under the attention
/// of the region; then B's regions likewise.
int explain_pair(const ExplainOptions& options);
/// One image: the scale whose K-th distance is smallest, outlined, and the training regions nearest to it.
int explain_nearest(const ExplainOptions& options);

/// These files as a set without labels, read when they are asked for.
std::unique_ptr<nn::Dataset> open_images(const std::vector<std::string>& paths, const nn::Framing& framing);
/// Image `index` as the set delivers it.
nn::Image image_of(const nn::Dataset& dataset, int64_t index);

}  // namespace mode::tools
