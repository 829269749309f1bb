#include "mode/detectors/regions.h"

#include "nn/text.h"
#include "tensor/check.h"
#include "tensor/math.h"

namespace mode {
namespace {

using Rect = tensor::ops::Rect;

/// Scales "NAME 1", "NAME 2", .. of a grid.
std::vector<Scale> numbered(const char* name, const std::vector<Rect>& rects) {
  std::vector<Scale> scales;
  for (const Rect& rect : rects) scales.push_back({fmt::format("{} {}", name, scales.size() + 1), rect});
  return scales;
}

struct ScaleSet {
  const char* name;
  int64_t smallest_edge;
  std::vector<Scale> (*make)(int64_t height, int64_t width);
};
constexpr ScaleSet scale_sets[] = {
    {"global", 1,
     [](int64_t height, int64_t width) {
       return std::vector<Scale>{{"global", {0, 0, height, width}}};
     }},
    {"quadrants", 2, [](int64_t height, int64_t width) { return numbered("quadrant", grid_rects(height, width, 2, 2)); }},
    {"center", 4,
     [](int64_t height, int64_t width) {
       return std::vector<Scale>{{"center", {height / 4, width / 4, height - height / 4, width - width / 4}}};
     }},
    {"grid3", 3, [](int64_t height, int64_t width) { return numbered("grid3", grid_rects(height, width, 3, 3)); }},
    {"all", 1, [](int64_t height, int64_t width) { return numbered("position", grid_rects(height, width, height, width)); }},
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
  CHECK(height >= 1 && width >= 1, "scales of a feature map of {} x {}; expected at least 1 x 1", height, width);
  if (left_out != nullptr) left_out->clear();
  std::vector<Scale> scales;
  for (const std::string& name : sets) {
    const ScaleSet& set = find_set(name);
    if (height < set.smallest_edge || width < set.smallest_edge) {
      if (left_out != nullptr)
        left_out->push_back(
            fmt::format("{0}: a feature map of {1} x {2} is smaller than {3} x {3}", set.name, height, width, set.smallest_edge));
      continue;
    }
    for (Scale& scale : set.make(height, width)) {
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

std::vector<Rect> rects_of(const std::vector<Scale>& scales) {
  std::vector<Rect> rects;
  for (const Scale& scale : scales) rects.push_back(scale.rect);
  return rects;
}

std::vector<Rect> grid_rects(int64_t height, int64_t width, int64_t rows, int64_t columns) {
  std::vector<Rect> rects;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      rects.push_back(
          {i * height / rows, j * width / columns, tensor::ceil_div((i + 1) * height, rows), tensor::ceil_div((j + 1) * width, columns)});
  return rects;
}

Region input_region(const Rect& rect, int64_t height, int64_t width, int64_t size) {
  CHECK(height >= 1 && width >= 1 && size >= 1, "input_region: a feature map of {} x {}, an input of {} pixels; expected at least 1 each",
        height, width, size);
  const auto pixel = [&](int64_t at, int64_t extent) { return (2 * at * size + extent) / (2 * extent); };
  return {pixel(rect.top, height), pixel(rect.left, width), pixel(rect.bottom, height), pixel(rect.right, width)};
}

}  // namespace mode
