#pragma once
// The training objective: a base loss on the logits or on projected features, plus ALPA (MODE-T), or ALPA alone (MODE-F). The projection
// heads belong to the objective: the exported network has none of them.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mode/alpa/alpa_loss.h"
#include "nn/contrastive_loss.h"
#include "nn/resnet.h"

namespace mode {

enum class BaseLoss { none, cross_entropy, supcon, simclr };
/// Names on command lines and in files: "ce", "supcon", "simclr", "none".
const std::vector<std::pair<std::string, BaseLoss>>& base_losses();
/// A loss that compares images by their projected features.
inline bool is_contrastive(BaseLoss loss) { return loss == BaseLoss::supcon || loss == BaseLoss::simclr; }

struct ObjectiveOptions {
  using Base = BaseLoss;
  Base base = Base::cross_entropy;
  double label_smoothing = 0;               ///< of cross-entropy
  nn::ContrastiveOptions contrastive = {};  ///< of supcon and simclr
  int64_t projection = 128;                 ///< output width D of the projection head
  double alpa_weight = 0;                   ///< lambda; 0: no ALPA
  int64_t alpa_width = 80;                  ///< C, output width of ALPA's heads
  AlpaOptions alpa = {};
  bool alpa_by_image = false;  ///< ALPA's positives: views of the same image instead of images of the same label
};

/// Linear(E, E), ReLU, Linear(E, D), rows of length 1: parameters "0.weight", "0.bias", "2.weight", "2.bias".
class ProjectionHead : public nn::Module {
 public:
  ProjectionHead(int64_t embedding, int64_t width);
  /// (rows, E) -> (rows, D)
  Variable operator()(const Variable& features) const;

 private:
  nn::Linear first_, second_;
};

/// Parameters "head.*" of the projection head (supcon, simclr) and "alpa.*" of ALPA's heads. Not initialized yet (nn/module.h).
class Objective : public nn::Module {
 public:
  /// `embedding` is the network's E. An objective without base loss and without ALPA is an error.
  Objective(const ObjectiveOptions& options, int64_t embedding);

  struct Result {
    Variable total;                                     ///< base + lambda ALPA
    std::vector<std::pair<std::string, double>> terms;  ///< unweighted: "cross_entropy", "supcon", "simclr", "alpa"
  };
  /// `output` has V N rows; row v N + i is view v of image i. labels i64 (N), on the output's device.
  Result operator()(const nn::ResNetOutput& output, const Tensor& labels, int64_t views) const;

  const ObjectiveOptions& options() const { return options_; }
  bool has_head() const { return head_ != nullptr; }  ///< the projection head of supcon and simclr
  bool trains_classifier() const { return options_.base == BaseLoss::cross_entropy; }

 private:
  ObjectiveOptions options_;
  std::unique_ptr<ProjectionHead> head_;
  std::unique_ptr<AlpaHeads> alpa_;
};

}  // namespace mode
