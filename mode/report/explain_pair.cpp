#include <algorithm>
#include <cmath>

#include "mode/detectors/regions.h"
#include "mode/report/drawing.h"
#include "mode/report/explain.h"
#include "nn/data/loader.h"
#include "tensor/check.h"

namespace mode {
namespace {

using tensor::ops::Rect;

constexpr int64_t gap = 12, between_halves = 2, caption = 16, heading = 32;
const char letters[] = {'A', 'B'};

/// (N, H, W, E): the last feature map of all images, on the CPU.
tensor::Tensor feature_map_of(nn::ResNet& net, const nn::Dataset& images, const nn::Preprocessing& preprocessing) {
  const autograd::NoGrad no_grad;
  net.eval();
  nn::LoaderOptions options;
  options.batch = images.size();
  options.shuffle = false;
  options.preprocessing = preprocessing;
  tensor::Tensor map;
  for (const nn::Batch& batch : nn::Loader(images, options)) map = net(batch.images.to(net.device())).feature_map.value().to({});
  const float* values = map.data<float>();
  CHECK(std::all_of(values, values + map.numel(), [](float value) { return std::isfinite(value); }),
        "mode explain: the network gives features that are not finite; check its weights and its normalization");
  return map;
}

std::string name_of(AlpaAggregate aggregate) {
  for (const auto& [name, named] : alpa_aggregates())
    if (named == aggregate) return name;
  return {};
}

std::string format_direction(const PairAttention& pair, size_t from) {
  const std::string first = "cosine with the attended features",
                    second = fmt::format("attended regions (1 .. {})", pair.rows * pair.columns);
  const size_t width = std::max(first.size(), static_cast<size_t>(8 * pair.columns));
  std::string text = fmt::format("\nregions of {} in {}\n  {:<{}}    {}\n", letters[from], letters[1 - from], first, width, second);
  const double* cosines = pair.to_other[from].cosines.data<double>();
  const tensor::Tensor attended = attended_regions(pair.to_other[from]);
  for (int64_t row = 0; row < pair.rows; ++row) {
    std::string left, right;
    for (int64_t column = 0; column < pair.columns; ++column) {
      left += fmt::format("{:7.4f} ", cosines[row * pair.columns + column]);
      right += fmt::format(" {:6.2f}", attended.data<double>()[row * pair.columns + column]);
    }
    text += fmt::format("  {:<{}}   {}\n", left, width, right);
  }
  return text;
}

/// The range of attention over which the colors go from none to yellow.
struct ColorRange {
  double least, full;
};
ColorRange range_of(const double* weights, int64_t regions) {
  const auto [least, most] = std::minmax_element(weights, weights + regions);
  return {*least, std::max(*most, *least + 1e-12)};
}

/// The tiles of one direction. shared: the color range of all tiles; null: each tile has its own.
void draw_direction(nn::Image& sheet, int64_t top, const PairAttention& pair, size_t from, const std::array<nn::Image, 2>& images,
                    const std::vector<Rect>& boxes, const ColorRange* shared) {
  const Attention& attention = pair.to_other[from];
  const int64_t edge = images[0].width, regions = static_cast<int64_t>(boxes.size());
  write_text(sheet, top + 6, gap, fmt::format("{} > {}  S {:.3f}", letters[from], letters[1 - from], attention.similarity), 3);
  for (int64_t r = 0; r < regions; ++r) {
    const int64_t y = top + heading + r / pair.columns * (edge + caption + gap);
    const int64_t x = gap + r % pair.columns * (2 * edge + between_halves + gap);
    nn::Image own = images[from], other = images[1 - from];
    outline(own, boxes[r]);
    const double* row = attention.weights.data<double>() + r * regions;
    const ColorRange colors = shared != nullptr ? *shared : range_of(row, regions);
    std::vector<double> heat;
    for (int64_t at = 0; at < regions; ++at) heat.push_back((row[at] - colors.least) / (colors.full - colors.least));
    lay_heat(other, boxes, heat);
    paste(sheet, y, x, own);
    paste(sheet, y, x + edge + between_halves, other);
    write_text(sheet, y + edge + 3, x, fmt::format("cos {:.3f}", attention.cosines.data<double>()[r]));
    write_text(sheet, y + edge + 3, x + edge + between_halves, fmt::format("peak {:.3f}", *std::max_element(row, row + regions)));
  }
}

}  // namespace

PairAttention attention_of_pair(AttentionModel& model, const nn::Dataset& images, int64_t grid, double temperature) {
  CHECK(images.size() == 2, "attention_of_pair: {} images; pass two", images.size());
  const tensor::Tensor map = feature_map_of(*model.net, images, model.preprocessing);
  PairAttention pair;
  pair.map_height = map.dim(1);
  pair.map_width = map.dim(2);
  const int64_t largest = std::max(pair.map_height, pair.map_width);
  CHECK(grid <= largest, "--grid {}: the feature map of these images is {} x {}; choose at most {}", grid, pair.map_height, pair.map_width,
        largest);
  if (grid == 0) grid = model.alpa.grid;
  pair.rows = std::min(grid, pair.map_height);
  pair.columns = std::min(grid, pair.map_width);
  pair.windows = alpa_windows(pair.map_height, pair.map_width, grid);
  const tensor::Tensor regions = alpa_vectors(autograd::Variable(map), grid).value();
  const QueryKeyValue vectors = model.heads ? alpa_qkv(*model.heads, regions) : cosine_qkv(regions, temperature);
  pair.width = vectors.q.dim(2);
  for (const int64_t i : {0, 1}) {
    pair.own[i] = attention_of(vectors, i, i, model.alpa.aggregate).similarity;
    pair.to_other[i] = attention_of(vectors, i, 1 - i, model.alpa.aggregate);
  }
  return pair;
}

std::string format_pair(const PairAttention& pair, const AttentionModel& model, double temperature, const std::vector<size_t>& directions) {
  const double ab = pair.to_other[0].similarity, ba = pair.to_other[1].similarity;
  std::string text =
      fmt::format("regions    {} x {} of the feature map of {} x {}\n", pair.rows, pair.columns, pair.map_height, pair.map_width);
  text += model.heads
              ? fmt::format("attention  softmax(q k / sqrt {}) of the run's ALPA heads\n", pair.width)
              : fmt::format("attention  softmax(cosine / {:g}) of the local features: the network has no ALPA heads\n", temperature);
  text += fmt::format("S_AB       {:.6f}, the {} over A's regions of the cosine with the attended features of B\n", ab,
                      name_of(model.alpa.aggregate));
  text += fmt::format("S_BA       {:.6f}\n", ba);
  text += fmt::format("s          {:.6f} = S_AB + S_BA; of A with itself {:.6f}, of B with itself {:.6f}\n", ab + ba, 2 * pair.own[0],
                      2 * pair.own[1]);
  for (const size_t from : directions) text += format_direction(pair, from);
  return text;
}

PairImage draw_pair(const PairAttention& pair, const nn::Dataset& images, const std::vector<size_t>& directions, bool stretch) {
  const int64_t edge = shown_edge(images.image_size());
  const std::array<nn::Image, 2> shown = {with_edge(image_of(images, 0), edge), with_edge(image_of(images, 1), edge)};
  double largest = 0;
  for (const size_t from : directions)
    for (const double weight : pair.to_other[from].weights.to_vector()) largest = std::max(largest, weight);
  // Uniform attention must not look like a peak: yellow is at least four times uniform attention.
  const double uniform = 1.0 / static_cast<double>(pair.rows * pair.columns), full = std::max(largest, std::min(1.0, 4 * uniform));
  const ColorRange shared = {0, full};
  std::vector<Rect> boxes;
  for (const Rect& window : pair.windows) boxes.push_back(input_region(window, pair.map_height, pair.map_width, edge));
  const int64_t block = heading + pair.rows * (edge + caption + gap), count = static_cast<int64_t>(directions.size());
  nn::Image sheet = blank_sheet(count * block, gap + pair.columns * (2 * edge + between_halves + gap), "choose a smaller --grid");
  for (int64_t at = 0; at < count; ++at) draw_direction(sheet, at * block, pair, directions[at], shown, boxes, stretch ? nullptr : &shared);
  return {std::move(sheet), full};
}

}  // namespace mode
