#include <algorithm>

#include "mode/detectors/bank.h"
#include "mode/detectors/knn.h"
#include "mode/evaluation/tables.h"
#include "mode/report/drawing.h"
#include "mode/report/explain.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace mode {
namespace {

using tensor::ops::Rect;

constexpr int64_t gap = 12, caption = 36;

std::string box_text(const Rect& box) { return fmt::format("{} {} {} {}", box.left, box.top, box.right, box.bottom); }

std::string class_of(const nn::Dataset& dataset, int64_t label) {
  const std::vector<std::string>& names = dataset.class_names();
  return label < 0 ? "-" : label < static_cast<int64_t>(names.size()) ? names[label] : std::to_string(label);
}

std::string scale_table(const NearestRegions& regions) {
  std::vector<std::vector<std::string>> rows = {{"  scale", "box (x0 y0 x1 y1)", "nearest", fmt::format("K = {}", regions.k)}};
  for (size_t at = 0; at < regions.scales.size(); ++at) {
    const NearestRegions::ScaleDistance& of = regions.scales[at];
    rows.push_back({fmt::format("{} {}", at == regions.decisive ? '>' : ' ', of.scale.name), box_text(of.box),
                    fmt::format("{:.6f}", of.nearest), fmt::format("{:.6f}", of.kth)});
    if (at == regions.decisive) rows.back().emplace_back("decides");
  }
  return align(rows, 2);
}

std::string neighbor_table(const NearestRegions& regions, const nn::Dataset& training) {
  std::vector<std::vector<std::string>> rows = {{"", "image", "class", "scale", "box (x0 y0 x1 y1)", "distance"}};
  for (const NearestRegions::Neighbor& of : regions.neighbors)
    rows.push_back({fmt::format("   {}", rows.size()), nn::printable(training.image_name(of.image)), class_of(training, of.label),
                    of.scale.name, box_text(of.box), fmt::format("{:.6f}", of.distance)});
  return align(rows, 5);
}

/// An image scaled to `edge`, with the box outlined and two lines of caption below.
void show(nn::Image& sheet, int64_t left, const nn::Image& image, int64_t edge, const Scale& scale, const Rect& box,
          const std::string& text) {
  nn::Image shown = with_edge(image, edge);
  outline(shown, box);
  paste(sheet, gap, left, shown);
  write_text(sheet, gap + edge + 4, left, text.substr(0, edge / 8));
  write_text(sheet, gap + edge + 18, left, scale.name);
}

}  // namespace

NearestRegions nearest_regions(const Features& image, const Features& training, int64_t k, int64_t count) {
  const Bank bank = make_bank(training);
  const std::vector<Rect> boxes = input_regions(image), training_boxes = input_regions(training);
  NearestRegions regions{.k = k,
                         .bank_rows = bank.rows.dim(0),
                         .map_height = image.map_height,
                         .map_width = image.map_width,
                         .scales = {},
                         .decisive = 0,
                         .neighbors = {}};
  count = std::min(count, regions.bank_rows);
  const int64_t searched = std::max(k, count);
  const KnnResult found = knn(normalized_rows(image), bank.rows, searched);
  for (size_t at = 0; at < image.scales.size(); ++at) {
    const float* distances = found.distances.data<float>() + static_cast<int64_t>(at) * searched;
    regions.scales.push_back({image.scales[at], boxes[at], static_cast<double>(distances[0]), static_cast<double>(distances[k - 1])});
    if (regions.scales[at].kth < regions.scales[regions.decisive].kth) regions.decisive = at;
  }
  for (int64_t rank = 0; rank < count; ++rank) {
    const int64_t at = static_cast<int64_t>(regions.decisive) * searched + rank, row = found.rows.data<int64_t>()[at];
    const int32_t scale = bank.scales.data<int32_t>()[row];
    regions.neighbors.push_back({.image = bank.ids.data<int32_t>()[row],
                                 .label = bank.labels.data<int32_t>()[row],
                                 .scale = training.scales[scale],
                                 .box = training_boxes[scale],
                                 .distance = static_cast<double>(found.distances.data<float>()[at])});
  }
  return regions;
}

std::string format_nearest(const NearestRegions& regions, const nn::Dataset& training) {
  return fmt::format(
      "csd        score {:.6f}: minus the smallest of its {} squared distances to the K-th nearest of {} training regions\n\n{}\n{}",
      -regions.scales[regions.decisive].kth, regions.scales.size(), regions.bank_rows, scale_table(regions),
      neighbor_table(regions, training));
}

nn::Image draw_nearest(const NearestRegions& regions, const nn::Image& image, const nn::Dataset& training) {
  const int64_t size = image.width, edge = shown_edge(size), count = static_cast<int64_t>(regions.neighbors.size());
  nn::Image sheet = blank_sheet(gap + edge + caption, 2 * gap + (1 + count) * (edge + gap), "choose a smaller --nearest");
  const auto box_at = [&](const Scale& scale) { return input_region(scale.rect, regions.map_height, regions.map_width, edge); };
  const NearestRegions::ScaleDistance& decisive = regions.scales[regions.decisive];
  show(sheet, gap, image, edge, decisive.scale, box_at(decisive.scale), fmt::format("k={} {:.3f}", regions.k, decisive.kth));
  int64_t left = 3 * gap + edge;
  for (const NearestRegions::Neighbor& of : regions.neighbors) {
    show(sheet, left, image_of(training, of.image), edge, of.scale, box_at(of.scale),
         fmt::format("{:.3f} {}", of.distance, class_of(training, of.label)));
    left += edge + gap;
  }
  return sheet;
}

}  // namespace mode
