#pragma once
// Ablation of CSD: one choice of the detector varied at a time, on features extracted once.

#include <string>
#include <vector>

#include "mode/evaluation/evaluation.h"

namespace mode {

/// CSD with the settings of the paper, except for the choice that the table varies.
struct AblationVariant {
  std::string table, name;  ///< "matching", "cross, min"
  NeighborOptions options;
};
/// Variants, table by table: "scales" (sets of scales), "K", "matching" (cross or same scale; min, mean or max) and "bank" (rows kept).
/// Sets of scales that `train` lacks are left out.
std::vector<AblationVariant> ablation_variants(const Features& train, int64_t k, uint64_t seed);

struct AblationRow {
  AblationVariant variant;
  std::string settings;       ///< of the fitted detector
  std::string fault;          ///< why it cannot be fitted (K above the rows of the bank); then there are no metrics
  std::vector<Metrics> sets;  ///< one per OOD set
  Metrics mean;               ///< over the valid sets
};
AblationRow run_variant(const AblationVariant& variant, const Features& train, const Features& id_test, const std::vector<OodSet>& ood);

/// CSV with the header "table,variant,set,fpr95,auroc" (fractions); sets without valid metrics are left out.
std::string ablation_csv(const std::vector<AblationRow>& rows, const std::vector<OodSet>& ood);

}  // namespace mode
