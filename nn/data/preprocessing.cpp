#include "nn/data/preprocessing.h"

#include <algorithm>
#include <cmath>

#include "nn/data/dataset.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

void set(Preprocessing& preprocessing, const std::vector<double>& mean, const std::vector<double>& std) {
  if (mean.size() != 3 || std.size() != 3) throw tensor::Error("--mean and --std take three numbers each, and come together");
  std::copy(mean.begin(), mean.end(), preprocessing.mean);
  std::copy(std.begin(), std.end(), preprocessing.std);
  check_normalization(preprocessing, "normalization");
}

/// Sums of integers, which do not depend on the order of the images.
void measure(Preprocessing& preprocessing, const Dataset& dataset) {
  constexpr int64_t max_images = 10000;
  const int64_t images = std::min(dataset.size(), max_images);
  const int64_t pixels = dataset.image_size() * dataset.image_size();
  std::vector<uint8_t> image(pixels * 3);
  int64_t sum[3] = {}, squares[3] = {};
  for (int64_t i = 0; i < images; ++i) {
    dataset.read(i * dataset.size() / images, image.data());  // spread over the dataset, which may be sorted by class
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
    preprocessing.std[channel] = std::max(std::sqrt(std::max(variance, 0.0)) / 255, 1e-3);  // 1e-3: images of a single color
  }
}

}  // namespace

void check_normalization(const Preprocessing& preprocessing, const std::string& source) {
  for (int c = 0; c < 3; ++c)
    if (!std::isfinite(preprocessing.mean[c]) || !std::isfinite(preprocessing.std[c]) || !(preprocessing.std[c] > 0))
      throw tensor::Error(fmt::format("{}: mean ({}) and std ({}) must be finite, and std positive", source, joined(preprocessing.mean),
                                      joined(preprocessing.std)));
}

Preprocessing preprocessing_for(const Dataset& dataset, int64_t size, const std::vector<double>& mean, const std::vector<double>& std) {
  Preprocessing preprocessing;
  preprocessing.size = size;
  const std::string kind = parse_data_spec(dataset.spec()).kind;
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

}  // namespace nn
