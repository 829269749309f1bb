#pragma once
// The ALPA objective on a feature map: heads, similarities of pairs, contrastive loss (mode/README.md, eq. (1) and (5)). The heads are used in
// training alone.

#include "mode/alpa/alpa.h"
#include "nn/layers.h"

namespace mode {

struct AlpaOptions {
  AlpaAggregate aggregate = AlpaAggregate::mean;
  double inverse_temperature = 10;  ///< t
  int64_t grid = 4;                 ///< larger feature maps are pooled to grid x grid: the cost grows with R^2
};

/// h(f) = W2 relu(W1 f) without biases, W1 (E, E), W2 (C, E): parameters "0.weight" and "2.weight". E is `feature_dim`, C is `width`.
class AlpaHead : public nn::Module {
 public:
  AlpaHead(int64_t feature_dim, int64_t width);
  /// (rows, E) -> (rows, C)
  Variable operator()(const Variable& rows) const;

 private:
  nn::Linear first_, second_;
};

/// The heads "query", "key" and "value", shared by all positions and images. nn::initialize (nn/module.h) sets the weights.
class AlpaHeads : public nn::Module {
 public:
  explicit AlpaHeads(int64_t feature_dim, int64_t width = 80);
  struct Projections {
    Variable query, key, value;  ///< (N, R, C) each
  };
  /// The heads' outputs for local vectors (N, R, E).
  Projections project(const Variable& vectors) const;
  /// Local vectors (N, R, E) -> s (N, N)
  Variable operator()(const Variable& vectors, AlpaAggregate aggregate = AlpaAggregate::mean) const;

 private:
  AlpaHead query_, key_, value_;
};

/// The heads' projections of local vectors (N, R, E) on the cpu, for attention_of(); scale is 1 / sqrt C.
QueryKeyValue alpa_qkv(const AlpaHeads& heads, const Tensor& vectors);

/// The R windows that alpa_vectors() averages, row by row: g x g parts of an H x W feature map, overlapping where g does not divide the
/// extent; g is `grid`, or the extent where that is smaller.
std::vector<tensor::ops::Rect> alpa_windows(int64_t height, int64_t width, int64_t grid);
/// The local vectors (N, R, E) of a feature map (N, H, W, E): its positions, or the means over alpa_windows() if it is larger than the grid.
Variable alpa_vectors(const Variable& feature_map, int64_t grid);

/// L_alpa (), eq. (5). Two images are positives of each other where `groups` i64 (N) is equal: labels, or image indices after SimCLR.
Variable alpa_loss(const AlpaHeads& heads, const Variable& feature_map, const Tensor& groups, const AlpaOptions& options = {});

}  // namespace mode
