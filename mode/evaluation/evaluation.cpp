#include "mode/evaluation/evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "tensor/check.h"

namespace mode {
void check_ood_names(const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    CHECK(!name.empty() && name.find('/') == std::string::npos && name.find('\0') == std::string::npos && name != "." && name != ".." &&
              name != "id" && name != "mean",
          "'{}' cannot name an OOD set: the name becomes a file name and a column; use a short word other than id and mean", name);
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
    CHECK(std::count(methods.begin(), methods.end(), method) == 1, "evaluate: method '{}' is named twice; name it once", method);
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
    if (!of_sets.empty()) evaluation.mean[method] = mean_metrics(std::move(of_sets));
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
