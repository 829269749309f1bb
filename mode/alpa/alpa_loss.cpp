#include "mode/alpa/alpa_loss.h"

#include <algorithm>

#include "nn/contrastive_loss.h"
#include "tensor/math.h"

namespace mode {

AlpaHead::AlpaHead(int64_t embedding, int64_t width) : first_(embedding, embedding, false), second_(embedding, width, false) {
  register_module("0", &first_);
  register_module("2", &second_);
}

Variable AlpaHead::operator()(const Variable& rows) const { return second_(autograd::relu(first_(rows))); }

AlpaHeads::AlpaHeads(int64_t embedding, int64_t width) : query_(embedding, width), key_(embedding, width), value_(embedding, width) {
  register_module("query", &query_);
  register_module("key", &key_);
  register_module("value", &value_);
}

AlpaHeads::Vectors AlpaHeads::vectors(const Variable& regions) const {
  CHECK(regions.value().rank() == 3, "AlpaHeads: expected regions (N, R, E), got {}", regions.shape().to_string());
  const int64_t n = regions.shape()[0], r = regions.shape()[1];
  const Variable rows = autograd::reshape(regions, {n * r, regions.shape()[2]});
  const auto apart = [&](const Variable& x) { return autograd::reshape(x, {n, r, x.shape()[1]}); };
  return {apart(query_(rows)), apart(key_(rows)), apart(value_(rows))};
}

Variable AlpaHeads::operator()(const Variable& regions, AlpaAggregate aggregate) const {
  const Vectors of = vectors(regions);
  return alpa_similarity(of.query, of.key, of.value, aggregate);
}

std::vector<tensor::ops::Rect> alpa_windows(int64_t height, int64_t width, int64_t grid) {
  CHECK(grid >= 1, "alpa: a grid of {} windows; at least 1 is needed", grid);
  const int64_t rows = std::min(grid, height), columns = std::min(grid, width);
  std::vector<tensor::ops::Rect> windows;
  const auto first = [](int64_t at, int64_t extent, int64_t windows_along) { return at * extent / windows_along; };
  const auto last = [](int64_t at, int64_t extent, int64_t windows_along) { return tensor::ceil_div((at + 1) * extent, windows_along); };
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      windows.push_back({first(row, height, rows), first(column, width, columns), last(row, height, rows), last(column, width, columns)});
  return windows;
}

Variable alpa_regions(const Variable& map, int64_t grid) {
  CHECK(map.value().rank() == 4, "alpa: expected a map (N, H, W, E), got {}", map.shape().to_string());
  const int64_t height = map.shape()[1], width = map.shape()[2];
  const std::vector<tensor::ops::Rect> windows = alpa_windows(height, width, grid);
  if (grid >= height && grid >= width) return autograd::reshape(map, {map.shape()[0], height * width, map.shape()[3]});
  return autograd::region_pool(map, windows);
}

Variable alpa_loss(const AlpaHeads& heads, const Variable& map, const Tensor& groups, const AlpaOptions& options) {
  return nn::contrastive_loss(heads(alpa_regions(map, options.grid), options.aggregate), groups,
                              {.inverse_temperature = options.inverse_temperature});
}

}  // namespace mode
