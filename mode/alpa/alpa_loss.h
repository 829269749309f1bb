#pragma once
// The ALPA objective on a network's last map: heads, pair similarities, contrastive loss. The heads serve training alone.

#include "mode/alpa/alpa.h"
#include "nn/layers.h"

namespace mode {

struct AlpaOptions {
  AlpaAggregate aggregate = AlpaAggregate::mean;
  double inverse_temperature = 10;
  int64_t grid = 4;  ///< a larger map is averaged to grid x grid windows first: the cost grows with the square of the regions
};

/// h(f) = W2 relu(W1 f), W1 (E, E), W2 (C, E), no biases; parameters "0.weight" and "2.weight".
class AlpaHead : public nn::Module {
 public:
  AlpaHead(int64_t embedding, int64_t width);
  /// (rows, E) -> (rows, C)
  Variable operator()(const Variable& rows) const;

 private:
  nn::Linear first_, second_;
};

/// "query", "key" and "value", shared over regions and images. Not initialized yet (nn/module.h).
class AlpaHeads : public nn::Module {
 public:
  explicit AlpaHeads(int64_t embedding, int64_t width = 80);
  struct Vectors {
    Variable query, key, value;  ///< (N, R, C) each
  };
  /// Of regions (N, R, E).
  Vectors vectors(const Variable& regions) const;
  /// regions (N, R, E) -> s (N, N)
  Variable operator()(const Variable& regions, AlpaAggregate aggregate = AlpaAggregate::mean) const;

 private:
  AlpaHead query_, key_, value_;
};

/// The R windows of an H x W map, row by row: rows floor(iH/g) .. ceil((i+1)H/g) with g the smaller of grid and H, columns likewise.
std::vector<tensor::ops::Rect> alpa_windows(int64_t height, int64_t width, int64_t grid);
/// (N, H, W, E) -> (N, R, E): means of these windows; the map's own positions where it is no larger than the grid.
Variable alpa_regions(const Variable& map, int64_t grid);

/// L_alpa (). Positives are the views with the same number in `groups` (labels; the image's own number under SimCLR).
Variable alpa_loss(const AlpaHeads& heads, const Variable& map, const Tensor& groups, const AlpaOptions& options = {});

}  // namespace mode
