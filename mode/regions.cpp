#include "mode/regions.h"

#include "tensor/check.h"

namespace mode {
namespace {

using tensor::ops::Region;

// Half i of `extent`: floor(i extent / 2) .. ceil((i + 1) extent / 2); the two overlap in the middle line of an odd extent.
int64_t half_begin(int64_t extent, int64_t i) { return i * extent / 2; }
int64_t half_end(int64_t extent, int64_t i) { return ((i + 1) * extent + 1) / 2; }

}  // namespace

std::vector<Scale> csd_scales(int64_t height, int64_t width, std::vector<std::string>* left_out) {
  CHECK(height >= 1 && width >= 1, "a map of {} x {} has no regions; expected at least 1 x 1", height, width);
  if (left_out != nullptr) left_out->clear();
  std::vector<Scale> scales = {{"global", {0, 0, height, width}}};

  if (height >= 2 && width >= 2) {
    for (int64_t i = 0; i < 2; ++i)
      for (int64_t j = 0; j < 2; ++j)
        scales.push_back({fmt::format("quadrant {}", 2 * i + j + 1),
                          Region{half_begin(height, i), half_begin(width, j), half_end(height, i), half_end(width, j)}});
  } else if (left_out != nullptr) {
    left_out->push_back(fmt::format("the four quadrants: a map of {} x {} cannot be halved both ways", height, width));
  }

  if (height >= 4 && width >= 4) {
    scales.push_back({"centre", {height / 4, width / 4, height - height / 4, width - width / 4}});
  } else if (left_out != nullptr) {
    left_out->push_back(fmt::format("the centre: a map of {} x {} is smaller than 4 x 4", height, width));
  }
  return scales;
}

std::vector<Region> regions_of(const std::vector<Scale>& scales) {
  std::vector<Region> regions;
  regions.reserve(scales.size());
  for (const Scale& scale : scales) regions.push_back(scale.region);
  return regions;
}

}  // namespace mode
