#pragma once
// The ALPA objective on a network's last map: heads, pair similarities, contrastive loss. The heads serve training alone.

#include "mode/alpa.h"
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

/// "query", "key" and "value", shared over regions and pictures. Not initialised yet (nn/init.h).
class AlpaHeads : public nn::Module {
 public:
  explicit AlpaHeads(int64_t embedding, int64_t width = 80);
  /// regions (N, R, E) -> s (N, N)
  Variable operator()(const Variable& regions, AlpaAggregate aggregate = AlpaAggregate::mean) const;

 private:
  AlpaHead query_, key_, value_;
};

/// (N, H, W, E) -> (N, R, E): the map's positions, or the means of grid x grid windows (rows floor(iH/g) .. ceil((i+1)H/g), columns
/// likewise) along an axis longer than the grid.
Variable alpa_regions(const Variable& map, int64_t grid);

/// L_alpa (). Positives are the views with the same number in `groups` (labels; the picture's own number under SimCLR).
Variable alpa_loss(const AlpaHeads& heads, const Variable& map, const Tensor& groups, const AlpaOptions& options = {});

}  // namespace mode
