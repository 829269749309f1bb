#pragma once
// Detectors: features of an image -> a score, higher = more in-distribution (mode/README.md, sections "CSD" and "Baselines").

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mode/detectors/bank.h"

namespace mode {

/// Default K of each method, here and on the command line; mode study uses csd's for both.
constexpr int64_t csd_default_k = 10;  // mode/README.md, section "CSD"
constexpr int64_t knn_default_k = 50;  // Sun et al., ICML 2022

/// score = - reduce over an image's vectors of the K-th smallest squared distance to the bank, eq. (13).
struct NeighborOptions {
  enum class Reduce { min, mean, max };
  int64_t k = csd_default_k;
  std::vector<std::string> scale_sets = {};  ///< scale sets to use (mode/detectors/regions.h); empty: all scales of the features
  bool cross = true;                         ///< one bank for all scales; false: a bank per scale, searched by that scale alone
  Reduce reduce = Reduce::min;
  int64_t bank_rows = 0;  ///< rows kept per bank; 0: all
  BankChoice bank_choice = BankChoice::random;
  uint64_t seed = 1;  ///< of bank_choice
};

struct DetectorOptions {
  NeighborOptions csd = {};
  NeighborOptions knn = {.k = knn_default_k, .scale_sets = {"global"}};
};

/// The match that decided an image's score.
struct Decision {
  std::string scale;           ///< scale of the image's vector whose distance is the score
  std::string image;           ///< training image of the bank row nearest to that vector
  std::string neighbor_scale;  ///< scale of that row
  int64_t label = -1;          ///< label of that training image; -1: unlabeled
};

class Detector {
 public:
  virtual ~Detector() = default;
  virtual std::string name() const = 0;      ///< "csd"
  virtual std::string settings() const = 0;  ///< "K = 10, 6 scales, bank of 300000 rows"; empty for a method without settings
  /// Throws if a bank of `images` training images with these scales is too small for fit(); needs no features.
  virtual void check_bank([[maybe_unused]] int64_t images, [[maybe_unused]] const std::vector<Scale>& scales) const {}
  /// Stores what the method needs of the training images; call it before score().
  virtual void fit(const Features& train) = 0;
  /// (N) f64, one score per image. Unless null, `decisions` gets one entry per image from methods that compare regions (knn and csd with
  /// reduce min or max) and stays empty for others.
  virtual Tensor score(const Features& features, std::vector<Decision>* decisions = nullptr) const = 0;
};

/// The detector of knn and csd; `name` is what name() returns.
std::unique_ptr<Detector> make_neighbor_detector(const std::string& name, const NeighborOptions& options);

std::vector<std::string> known_methods();  ///< msp maxlogit energy knn csd
/// An unknown method is an error that lists the known ones.
std::unique_ptr<Detector> make_detector(const std::string& method, const DetectorOptions& options = {});

}  // namespace mode
