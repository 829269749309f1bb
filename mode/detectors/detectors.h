#pragma once
// Out-of-distribution scores: higher = more in-distribution. Each method cites its source and states its settings.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mode/detectors/bank.h"

namespace mode {

/// Default K of each method, here and on every command line.
constexpr int64_t csd_default_k = 10;  // mode/README.md, section "CSD"
constexpr int64_t knn_default_k = 50;  // Sun et al., ICML 2022

/// score = - reduce over an image's vectors of the K-th smallest squared distance to the bank's.
struct NeighborOptions {
  enum class Reduce { min, mean, max };
  int64_t k = csd_default_k;
  std::vector<std::string> scale_sets = {};  ///< which of the features' (mode/detectors/regions.h); none: all that they have
  bool cross = true;                         ///< the bank holds all scales together; false: each scale meets its own alone
  Reduce reduce = Reduce::min;
  int64_t bank_rows = 0;  ///< keep that many (of each scale's, where they are apart); 0: all
  BankChoice bank_choice = BankChoice::random;
  uint64_t seed = 1;  ///< of the choice
};

struct DetectorOptions {
  NeighborOptions csd = {};
  NeighborOptions knn = {.k = knn_default_k, .scale_sets = {"global"}};
};

/// What decided an image's score, for a person to look at.
struct Decision {
  std::string scale;           ///< of the image's vector whose distance became the score
  std::string image;           ///< the training image nearest to that vector,
  std::string neighbor_scale;  ///< by this region of it
  int64_t label = -1;          ///< the training image's
};

class Detector {
 public:
  virtual ~Detector() = default;
  virtual std::string name() const = 0;      ///< "csd"
  virtual std::string settings() const = 0;  ///< "K = 10, 6 scales, bank of 300000 rows"; empty when there are none
  /// An error where `images` training images with these scales are too few for fit: known before any feature is.
  virtual void check_bank([[maybe_unused]] int64_t images, [[maybe_unused]] const std::vector<Scale>& scales) const {}
  /// Sees the training images once, before any score.
  virtual void fit(const Features& train) = 0;
  /// (N) f64, one score per image. A detector by whose regions one decides fills `decisions`, unless null: one per image; others leave
  /// it empty.
  virtual Tensor score(const Features& features, std::vector<Decision>* decisions = nullptr) const = 0;
};

/// The detector behind knn and csd, under any name.
std::unique_ptr<Detector> make_neighbor_detector(const std::string& name, const NeighborOptions& options);

std::vector<std::string> known_methods();  ///< msp maxlogit energy knn csd
/// An unknown name is an error that lists the known ones.
std::unique_ptr<Detector> make_detector(const std::string& method, const DetectorOptions& options = {});

}  // namespace mode
