#include "nn/data/statistics.h"

#include <algorithm>
#include <cmath>

#include "tools/commands/common.h"

namespace mode::tools {

namespace {

void set(nn::Preprocessing& preprocessing, const std::vector<double>& mean, const std::vector<double>& std) {
  if (mean.size() != 3 || std.size() != 3) throw UsageError("--mean and --std take three numbers each, and come together");
  for (size_t channel = 0; channel < 3; ++channel) {
    CHECK(std::isfinite(mean[channel]) && std[channel] > 0 && std::isfinite(std[channel]), "--std must be positive; mean and std finite");
    preprocessing.mean[channel] = mean[channel];
    preprocessing.std[channel] = std[channel];
  }
}

/// Sums of whole numbers: the same for any order of the images.
void measure(nn::Preprocessing& preprocessing, const nn::Dataset& dataset) {
  constexpr int64_t most = 10000;
  const int64_t images = std::min(dataset.size(), most);
  const int64_t pixels = dataset.image_size() * dataset.image_size();
  std::vector<uint8_t> image(static_cast<size_t>(pixels) * 3);
  int64_t sum[3] = {}, squares[3] = {};
  for (int64_t at = 0; at < images; ++at) {
    dataset.read(at * dataset.size() / images, image.data());  // spread over the whole set, which may be sorted by class
    for (size_t byte = 0; byte < image.size(); ++byte) {
      const int64_t value = image[byte];
      sum[byte % 3] += value;
      squares[byte % 3] += value * value;
    }
  }
  const double count = static_cast<double>(images * pixels);
  for (int channel = 0; channel < 3; ++channel) {
    const double mean = static_cast<double>(sum[channel]) / count;
    const double variance = static_cast<double>(squares[channel]) / count - mean * mean;
    preprocessing.mean[channel] = mean / 255;
    preprocessing.std[channel] = std::max(std::sqrt(std::max(variance, 0.0)) / 255, 1e-3);  // images of one color
  }
}

}  // namespace

nn::Preprocessing preprocessing_for(const nn::Dataset& dataset, int64_t size, const std::vector<double>& mean,
                                    const std::vector<double>& std) {
  nn::Preprocessing preprocessing;
  preprocessing.size = size;
  const std::string kind = nn::parse_data_spec(dataset.spec()).kind;
  if (!mean.empty() || !std.empty())
    set(preprocessing, mean, std);
  else if (kind == "cifar10")
    set(preprocessing, {0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616});
  else if (kind == "cifar100")
    set(preprocessing, {0.5071, 0.4867, 0.4408}, {0.2675, 0.2565, 0.2761});
  else
    measure(preprocessing, dataset);
  return preprocessing;
}

}  // namespace mode::tools
