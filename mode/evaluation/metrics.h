#pragma once
// Classification accuracy, and both families of detection metrics (mode/README.md, section "Metrics"). All are fractions.

#include <string>
#include <vector>

#include "mode/detectors/features.h"

namespace mode {

/// Rows of logits (N, classes) f32 whose largest logit is at the label; labels i64 (N) on the CPU.
int64_t count_right(const Tensor& logits, const Tensor& labels);
/// Whether every image has a label, so that its accuracy exists.
bool all_labeled(const Features& features);
/// Throws where an image's label is not in 0 .. classes - 1, or where check_features does; `what` begins the message.
void check_labels(const Features& features, int64_t classes, const std::string& what);
/// Share of images whose largest logit is at the label. Throws where an image has no label, or a label without logit.
double accuracy(const Features& features);
/// Share of `test` images whose label has the most votes among the k nearest training images (global vectors, L2-normalized; squared L2).
/// Equal votes: the label of the nearest voter wins. k is lowered to the number of training images. Throws where an image has no label.
double knn_accuracy(const Features& train, const Features& test, int64_t k);

/// Metrics of the papers: the ID recall is fixed at 95 %.
struct PaperMetrics {
  double fpr95 = 0, auroc = 0, auin = 0, auout = 0, dterr = 0;
};
/// Metrics of OpenOOD: the OOD recall is fixed at 95 %.
struct OpenoodMetrics {
  double fpr95 = 0, aupr_in = 0, aupr_out = 0;
};
struct Metrics {
  PaperMetrics paper;
  OpenoodMetrics openood;
  bool valid = true;
  std::string flag;  ///< reason where not valid: "constant scores", "NaN scores"; every number is then NaN, never an FPR95 of 0
};

/// Invalid metrics with this reason.
Metrics flagged_metrics(const std::string& flag);

/// Metrics of n >= 1 ID scores and m >= 1 OOD scores; a higher score means ID. Infinite scores are allowed. Flagged: NaN scores, and equal
/// ID scores that an OOD score equals.
Metrics evaluate_scores(const std::vector<double>& id, const std::vector<double>& ood);

/// Mean of each number over the valid sets. The flag counts them where some set is not valid; invalid where none is.
Metrics mean_metrics(std::vector<Metrics> sets);

}  // namespace mode
