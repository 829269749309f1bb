#pragma once
// Both families of detection metrics (METHOD, section 7), as fractions. Inputs are copied, never sorted in place.

#include <string>
#include <vector>

namespace mode {

struct PaperMetrics {
  double fpr95 = 0, auroc = 0, auin = 0, auout = 0, dterr = 0;
};
struct OpenoodMetrics {
  double fpr95 = 0, aupr_in = 0, aupr_out = 0;
};
struct Metrics {
  PaperMetrics paper;
  OpenoodMetrics openood;
  bool valid = true;
  std::string flag;  ///< why not valid: "constant scores", "NaN scores"; then every number is NaN, never an FPR of 0
};

/// What stands where no number can: not valid, every number NaN.
Metrics flagged_metrics(const std::string& flag);

/// id: n >= 1 scores, ood: m >= 1 scores, higher = ID. Infinite scores are allowed, NaN is flagged; so are ID scores that are all equal
/// where an OOD score equals them.
Metrics evaluate_scores(const std::vector<double>& id, const std::vector<double>& ood);

}  // namespace mode
