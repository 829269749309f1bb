#pragma once
// Out-of-distribution scores: higher = more in-distribution. Each method cites its source and states its settings.

#include <memory>
#include <string>
#include <vector>

#include "mode/bank.h"

namespace mode {

struct DetectorOptions {
  int64_t csd_k = 10;  ///< METHOD, section 4
  int64_t knn_k = 50;  ///< Sun et al., ICML 2022
};

class Detector {
 public:
  virtual ~Detector() = default;
  virtual std::string name() const = 0;      ///< "csd"
  virtual std::string settings() const = 0;  ///< "K = 10, 6 scales, bank of 300000 rows"; empty when there are none
  /// An error where `pictures` training pictures of `scales` vectors each are too few for fit: known before any feature is.
  virtual void check_bank([[maybe_unused]] int64_t pictures, [[maybe_unused]] int64_t scales) const {}
  /// Sees the training pictures once, before any score.
  virtual void fit(const Features& train) = 0;
  /// (N) f64, one score per picture.
  virtual Tensor score(const Features& features) const = 0;
};

std::vector<std::string> known_methods();  ///< msp maxlogit energy knn csd
/// An unknown name is an error that lists the known ones.
std::unique_ptr<Detector> make_detector(const std::string& method, const DetectorOptions& options = {});

}  // namespace mode
