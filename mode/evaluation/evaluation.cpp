#include "mode/evaluation/evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "tensor/check.h"

namespace mode {
namespace {

// Every number of Metrics, for means.
std::vector<double*> numbers_of(Metrics& metrics) {
  return {&metrics.paper.fpr95, &metrics.paper.auroc,   &metrics.paper.auin,      &metrics.paper.auout,
          &metrics.paper.dterr, &metrics.openood.fpr95, &metrics.openood.aupr_in, &metrics.openood.aupr_out};
}

Metrics mean_of(std::vector<Metrics> all) {
  const auto valid = std::count_if(all.begin(), all.end(), [](const Metrics& metrics) { return metrics.valid; });
  if (valid == 0) return flagged_metrics(all.front().flag);
  Metrics mean;
  const std::vector<double*> sums = numbers_of(mean);
  for (Metrics& metrics : all) {
    const std::vector<double*> numbers = numbers_of(metrics);
    for (size_t at = 0; metrics.valid && at < sums.size(); ++at) *sums[at] += *numbers[at] / static_cast<double>(valid);
  }
  if (valid < static_cast<int64_t>(all.size())) mean.flag = fmt::format("mean of {} of {} sets", valid, all.size());
  return mean;
}

bool all_labeled(const Features& features) {
  const int64_t* labels = features.labels.data<int64_t>();
  return std::all_of(labels, labels + features.size(), [](int64_t label) { return label >= 0; });
}

}  // namespace

void check_ood_names(const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    CHECK(!name.empty() && name.find('/') == std::string::npos && name.find('\0') == std::string::npos && name != "." && name != ".." &&
              name != "id" && name != "mean",
          "'{}' cannot name an OOD set: it becomes a file name and a column; use a short word other than id and mean", name);
    CHECK(seen.insert(name).second, "two OOD sets are called '{}'; give each its own name", name);
  }
}

Evaluation evaluate(const std::vector<std::string>& methods, const DetectorOptions& options, const Features& train, const Features& id_test,
                    const std::vector<OodSet>& ood) {
  Evaluation evaluation;
  for (const OodSet& set : ood) evaluation.ood_sets.push_back(set.name);
  check_ood_names(evaluation.ood_sets);
  check_features(id_test, "the ID test set");
  for (const OodSet& set : ood) check_features(set.features, set.name);
  std::vector<std::unique_ptr<Detector>> detectors;
  for (const std::string& method : methods) {
    CHECK(std::count(methods.begin(), methods.end(), method) == 1, "method '{}' is asked for twice", method);
    detectors.push_back(make_detector(method, options));
  }

  evaluation.methods = methods;
  evaluation.scales = id_test.scales;
  const std::vector<tensor::ops::Region> boxes = boxes_of(id_test);
  for (size_t at = 0; at < boxes.size(); ++at) evaluation.boxes[id_test.scales[at].name] = boxes[at];
  evaluation.id_accuracy = all_labeled(id_test) ? accuracy(id_test) : std::numeric_limits<double>::quiet_NaN();
  for (size_t at = 0; at < methods.size(); ++at) {
    Detector& detector = *detectors[at];
    const std::string& method = methods[at];
    detector.fit(train);
    evaluation.settings[method] = detector.settings();
    const auto scored = [&](const std::string& set, const Features& features) -> const std::vector<double>& {
      std::vector<Decision> decisions;
      std::vector<double>& scores = evaluation.scores[set][method] = detector.score(features, &decisions).to_vector();
      if (!decisions.empty()) evaluation.decisions[set][method] = std::move(decisions);
      return scores;
    };
    const std::vector<double>& id_scores = scored("id", id_test);
    std::vector<Metrics> of_sets;
    for (const OodSet& set : ood) {
      of_sets.push_back(evaluation.results[method][set.name] = evaluate_scores(id_scores, scored(set.name, set.features)));
    }
    if (!of_sets.empty()) evaluation.mean[method] = mean_of(std::move(of_sets));
  }
  return evaluation;
}

std::vector<std::pair<std::string, double>> decided_by(const std::vector<Decision>& decisions, const std::vector<Scale>& scales) {
  std::vector<std::pair<std::string, double>> shares;
  for (const Scale& scale : scales) {
    const auto count =
        std::count_if(decisions.begin(), decisions.end(), [&](const Decision& decision) { return decision.scale == scale.name; });
    if (count > 0) shares.emplace_back(scale.name, static_cast<double>(count) / static_cast<double>(decisions.size()));
  }
  return shares;
}

}  // namespace mode
