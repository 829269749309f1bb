#pragma once
// mode features: what the detectors see, in a file for other programs.

#include <cstdint>
#include <string>
#include <vector>

namespace mode::tools {

struct FeaturesOptions {
  std::string model, data, out;
  std::string arch;               ///< for weights that do not say it
  std::vector<double> mean, std;  ///< likewise
  int64_t batch = 256;
  std::string device = "cpu";
  int threads = 0;
};
/// Tensors regions (N, M, E), labels, ids (N), logits (N, classes); metadata: scales, data, weights' hash, arch.
int run_features(const FeaturesOptions& options);

}  // namespace mode::tools
