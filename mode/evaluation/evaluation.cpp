#include "mode/evaluation/evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "nn/resnet.h"
#include "nn/text.h"
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
  const std::vector<Region> boxes = input_regions(id_test);
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

std::vector<std::string> scale_sets_of(const DetectorOptions& options) {
  std::vector<std::string> sets = options.csd.scale_sets;
  for (const std::string& set : options.knn.scale_sets)
    if (std::find(sets.begin(), sets.end(), set) == sets.end()) sets.insert(sets.begin(), set);
  return sets;
}

void check_banks(const std::vector<std::string>& methods, const DetectorOptions& options, const nn::ResNet& net, int64_t input_size,
                 int64_t images) {
  tensor::Shape map;  // (1, H, W, E): the last output with a height and a width
  for (const nn::LayerRow& row : net.layer_table(input_size, input_size))
    if (row.output.rank() == 4) map = row.output;
  const std::vector<Scale> scales = scales_of(scale_sets_of(options), map[1], map[2]);
  for (const std::string& method : methods) make_detector(method, options)->check_bank(images, scales);
}

std::string classifier_fault(const nn::Checkpoint& checkpoint) {
  const auto value_of = [&](const char* key) {
    const auto found = checkpoint.metadata.find(key);
    return found == checkpoint.metadata.end() ? std::string() : found->second;
  };
  const std::string classifier = value_of("classifier");
  if (classifier == "untrained") return fmt::format("untrained (loss {})", nn::printable(value_of("loss")));
  return classifier == "stale" ? "stale (the other layers were trained further without it)" : "";
}

bool needs_classifier(const std::string& method) { return method != "knn" && method != "csd"; }

}  // namespace mode
