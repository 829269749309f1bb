#pragma once
// What a training minimizes: a base loss on the classifier or on a projection of the features, with ALPA beside it (MODE-T) or ALPA alone
// (MODE-F). The heads belong to the objective, not to the network: they serve training alone.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mode/alpa/alpa_loss.h"
#include "nn/contrastive_loss.h"
#include "nn/resnet.h"

namespace mode {

struct ObjectiveOptions {
  enum class Base { none, cross_entropy, supcon, simclr };
  Base base = Base::cross_entropy;
  double label_smoothing = 0;               ///< of cross-entropy
  nn::ContrastiveOptions contrastive = {};  ///< of SupCon and SimCLR
  int64_t projection = 128;                 ///< width of their head
  double alpa_weight = 0;                   ///< lambda; 0: no ALPA
  int64_t alpa_width = 80;                  ///< C, of ALPA's heads
  AlpaOptions alpa = {};
  bool alpa_by_image = false;  ///< ALPA's positives: the other views of the same image, not those of the same label
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

/// Parameters "head.*" for SupCon and SimCLR, "alpa.*" where ALPA is used; none of them for cross-entropy alone. Not initialized yet.
class Objective : public nn::Module {
 public:
  /// `embedding` is the network's E. Neither a base loss nor ALPA is an error.
  Objective(const ObjectiveOptions& options, int64_t embedding);

  struct Result {
    Variable total;                                     ///< base + lambda ALPA
    std::vector<std::pair<std::string, double>> terms;  ///< "cross_entropy", "supcon", "simclr", "alpa": each before its weight
  };
  /// `output` of V N rows, row v N + i view v of image i; labels i64 (N), on the output's device.
  Result operator()(const nn::ResNetOutput& output, const Tensor& labels, int64_t views) const;

  const ObjectiveOptions& options() const { return options_; }
  bool has_head() const { return head_ != nullptr; }  ///< of SupCon or SimCLR
  bool trains_classifier() const { return options_.base == ObjectiveOptions::Base::cross_entropy; }

 private:
  ObjectiveOptions options_;
  std::unique_ptr<ProjectionHead> head_;
  std::unique_ptr<AlpaHeads> alpa_;
};

}  // namespace mode
