#include "mode/detectors/regions.h"

#include "nn/text.h"
#include "tensor/check.h"
#include "tensor/math.h"

namespace mode {
namespace {

using Region = tensor::ops::Rect;

struct Map {
  int64_t height, width;
};

// Part i of n: floor(i extent / n) .. ceil((i + 1) extent / n); neighbors overlap in one line where n does not divide the extent.
int64_t part_begin(int64_t extent, int64_t i, int64_t n) { return i * extent / n; }
int64_t part_end(int64_t extent, int64_t i, int64_t n) { return tensor::ceil_div((i + 1) * extent, n); }

/// n x n parts, row by row, named "`name` 1" ...
std::vector<Scale> parts(const char* name, const Map& map, int64_t rows, int64_t columns) {
  std::vector<Scale> scales;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      scales.push_back(
          {fmt::format("{} {}", name, columns * i + j + 1), Region{part_begin(map.height, i, rows), part_begin(map.width, j, columns),
                                                                   part_end(map.height, i, rows), part_end(map.width, j, columns)}});
  return scales;
}

struct ScaleSet {
  const char* name;
  int64_t smallest_edge;
  std::vector<Scale> (*make)(const Map& map);
};
constexpr ScaleSet scale_sets[] = {
    {"global", 1,
     [](const Map& map) {
       return std::vector<Scale>{{"global", {0, 0, map.height, map.width}}};
     }},
    {"quadrants", 2, [](const Map& map) { return parts("quadrant", map, 2, 2); }},
    {"center", 4,
     [](const Map& map) {
       return std::vector<Scale>{{"center", {map.height / 4, map.width / 4, map.height - map.height / 4, map.width - map.width / 4}}};
     }},
    {"grid3", 3, [](const Map& map) { return parts("grid3", map, 3, 3); }},
    {"all", 1, [](const Map& map) { return parts("position", map, map.height, map.width); }},
};

const ScaleSet& find_set(const std::string& name) {
  for (const ScaleSet& set : scale_sets)
    if (scale_set_name(name) == set.name) return set;
  throw tensor::Error(fmt::format("scale set '{}' is unknown; known sets: {}", nn::printable(name), nn::joined(known_scale_sets())));
}

}  // namespace

std::string scale_set_name(const std::string& name) { return name == "centre" ? "center" : name; }

const std::vector<std::string>& known_scale_sets() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const ScaleSet& set : scale_sets) all.emplace_back(set.name);
    return all;
  }();
  return names;
}

std::vector<Scale> scales_of(const std::vector<std::string>& sets, int64_t height, int64_t width, std::vector<std::string>* left_out) {
  CHECK(height >= 1 && width >= 1, "a map of {} x {} has no regions; expected at least 1 x 1", height, width);
  if (left_out != nullptr) left_out->clear();
  std::vector<Scale> scales;
  for (const std::string& name : sets) {
    const ScaleSet& set = find_set(name);
    if (height < set.smallest_edge || width < set.smallest_edge) {
      if (left_out != nullptr)
        left_out->push_back(fmt::format("{0}: a map of {1} x {2} is smaller than {3} x {3}", name, height, width, set.smallest_edge));
      continue;
    }
    for (Scale& scale : set.make({height, width})) {
      scale.set = set.name;
      scales.push_back(std::move(scale));
    }
  }
  return scales;
}

const std::vector<std::string>& csd_scale_sets() {
  static const std::vector<std::string> names = {"global", "quadrants", "center"};
  return names;
}

std::vector<Scale> csd_scales(int64_t height, int64_t width, std::vector<std::string>* left_out) {
  return scales_of(csd_scale_sets(), height, width, left_out);
}

std::vector<Region> regions_of(const std::vector<Scale>& scales) {
  std::vector<Region> regions;
  regions.reserve(scales.size());
  for (const Scale& scale : scales) regions.push_back(scale.region);
  return regions;
}

Region in_pixels(const Region& region, int64_t height, int64_t width, int64_t size) {
  CHECK(height >= 1 && width >= 1 && size >= 1, "a map of {} x {} of images of {} pixels", height, width, size);
  const auto pixel = [&](int64_t at, int64_t extent) { return (2 * at * size + extent) / (2 * extent); };
  return {pixel(region.top, height), pixel(region.left, width), pixel(region.bottom, height), pixel(region.right, width)};
}

}  // namespace mode
