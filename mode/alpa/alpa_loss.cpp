#include "mode/alpa/alpa_loss.h"

#include "autograd/ops.h"
#include "mode/detectors/regions.h"
#include "nn/contrastive_loss.h"
#include "tensor/check.h"

namespace mode {

AlpaHead::AlpaHead(int64_t feature_dim, int64_t width) : first_(feature_dim, feature_dim, false), second_(feature_dim, width, false) {
  register_module("0", &first_);
  register_module("2", &second_);
}

Variable AlpaHead::operator()(const Variable& rows) const { return second_(autograd::relu(first_(rows))); }

AlpaHeads::AlpaHeads(int64_t feature_dim, int64_t width)
    : query_(feature_dim, width), key_(feature_dim, width), value_(feature_dim, width) {
  register_module("query", &query_);
  register_module("key", &key_);
  register_module("value", &value_);
}

AlpaHeads::Projections AlpaHeads::project(const Variable& vectors) const {
  CHECK(vectors.value().rank() == 3, "AlpaHeads: expected local vectors (N, R, E), got {}; alpa_vectors() makes them of a feature map",
        vectors.shape().to_string());
  const int64_t n = vectors.shape()[0], r = vectors.shape()[1];
  const Variable rows = autograd::reshape(vectors, {n * r, vectors.shape()[2]});
  const auto by_image = [&](const Variable& x) { return autograd::reshape(x, {n, r, x.shape()[1]}); };
  return {by_image(query_(rows)), by_image(key_(rows)), by_image(value_(rows))};
}

Variable AlpaHeads::operator()(const Variable& vectors, AlpaAggregate aggregate) const {
  const Projections projections = project(vectors);
  return alpa_similarity(projections.query, projections.key, projections.value, aggregate);
}

QueryKeyValue alpa_qkv(const AlpaHeads& heads, const Tensor& vectors) {
  const autograd::NoGrad no_grad;
  const AlpaHeads::Projections projections = heads.project(Variable(vectors));
  return {.q = projections.query.value().to({}),
          .k = projections.key.value().to({}),
          .v = projections.value.value().to({}),
          .scale = 1 / std::sqrt(static_cast<double>(projections.query.shape()[2]))};
}

std::vector<tensor::ops::Rect> alpa_windows(int64_t height, int64_t width, int64_t grid) {
  CHECK(grid >= 1, "alpa: a grid of {0} x {0} windows; expected at least 1 x 1", grid);
  return grid_rects(height, width, std::min(grid, height), std::min(grid, width));
}

Variable alpa_vectors(const Variable& feature_map, int64_t grid) {
  CHECK(feature_map.value().rank() == 4, "alpa: expected a feature map (N, H, W, E), got {}", feature_map.shape().to_string());
  const int64_t height = feature_map.shape()[1], width = feature_map.shape()[2];
  const std::vector<tensor::ops::Rect> windows = alpa_windows(height, width, grid);
  if (grid >= height && grid >= width)
    return autograd::reshape(feature_map, {feature_map.shape()[0], height * width, feature_map.shape()[3]});
  return autograd::region_pool(feature_map, windows);
}

Variable alpa_loss(const AlpaHeads& heads, const Variable& feature_map, const Tensor& groups, const AlpaOptions& options) {
  return nn::contrastive_loss(heads(alpa_vectors(feature_map, options.grid), options.aggregate), groups,
                              {.inverse_temperature = options.inverse_temperature});
}

}  // namespace mode
