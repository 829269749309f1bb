#include "mode/evaluation/ablation.h"

#include <algorithm>

#include "nn/text.h"
#include "tensor/check.h"

namespace mode {
namespace {

using Reduce = NeighborOptions::Reduce;

const std::vector<std::vector<std::string>>& scale_set_choices() {
  static const std::vector<std::vector<std::string>> choices = {{"global"},
                                                                {"quadrants"},
                                                                {"center"},
                                                                {"global", "quadrants"},
                                                                {"global", "center"},
                                                                csd_scale_sets(),
                                                                {"global", "quadrants", "center", "grid3"},
                                                                {"all"},
                                                                {"global", "all"}};
  return choices;
}

/// Whether the features have a scale of each of these sets; a small feature map lacks some.
bool has_sets(const Features& features, const std::vector<std::string>& sets) {
  return std::all_of(sets.begin(), sets.end(), [&](const std::string& set) {
    return std::any_of(features.scales.begin(), features.scales.end(), [&](const Scale& scale) { return scale.set == set; });
  });
}

int64_t bank_rows(const Features& train, const std::vector<std::string>& sets) {
  const auto scales = std::count_if(train.scales.begin(), train.scales.end(),
                                    [&](const Scale& scale) { return std::find(sets.begin(), sets.end(), scale.set) != sets.end(); });
  return train.size() * scales;
}

}  // namespace

std::vector<AblationVariant> ablation_variants(const Features& train, int64_t k, uint64_t seed) {
  const NeighborOptions paper = {.k = k, .scale_sets = csd_scale_sets(), .seed = seed};
  std::vector<AblationVariant> variants;
  const auto add = [&](const char* table, const std::string& name) -> NeighborOptions& {
    return variants.emplace_back(AblationVariant{table, name, paper}).options;
  };
  for (const std::vector<std::string>& sets : scale_set_choices())
    if (has_sets(train, sets)) add("scales", nn::joined(sets, "+")).scale_sets = sets;
  for (const int64_t varied : {1, 2, 5, 10, 20, 50, 100, 200}) add("K", std::to_string(varied)).k = varied;
  for (const bool cross : {true, false})
    for (const auto& [name, reduce] : {std::pair{"min", Reduce::min}, std::pair{"mean", Reduce::mean}, std::pair{"max", Reduce::max}}) {
      NeighborOptions& options = add("matching", fmt::format("{}, {}", cross ? "cross" : "same", name));
      options.cross = cross;
      options.reduce = reduce;
    }
  add("bank", "all");
  const int64_t all = bank_rows(train, paper.scale_sets);
  for (const int64_t part : {10, 100})
    for (const auto& [name, choice] : {std::pair{"random", BankChoice::random}, std::pair{"k-center", BankChoice::kcenter}}) {
      NeighborOptions& options = add("bank", fmt::format("1/{} {}", part, name));
      options.bank_rows = std::max<int64_t>(1, all / part);
      options.bank_choice = choice;
    }
  return variants;
}

AblationRow run_variant(const AblationVariant& variant, const Features& train, const Features& id_test, const std::vector<OodSet>& ood) {
  AblationRow row{.variant = variant, .settings = {}, .fault = {}, .sets = {}, .mean = {}};
  const auto detector = make_neighbor_detector("csd", variant.options);
  try {
    detector->fit(train);
  } catch (const tensor::Error& error) {  // K above the rows of a small bank
    row.fault = error.what();
    return row;
  }
  row.settings = detector->settings();
  const std::vector<double> id_scores = detector->score(id_test).to_vector();
  for (const OodSet& set : ood) row.sets.push_back(evaluate_scores(id_scores, detector->score(set.features).to_vector()));
  row.mean = mean_metrics(row.sets);
  return row;
}

std::string ablation_csv(const std::vector<AblationRow>& rows, const std::vector<OodSet>& ood) {
  std::string csv = "table,variant,set,fpr95,auroc\n";
  for (const AblationRow& row : rows)
    for (size_t set = 0; set < row.sets.size(); ++set)
      if (const Metrics& metrics = row.sets[set]; metrics.valid)
        csv += fmt::format("{},\"{}\",{},{},{}\n", row.variant.table, row.variant.name, ood[set].name, metrics.paper.fpr95,
                           metrics.paper.auroc);
  return csv;
}

}  // namespace mode
