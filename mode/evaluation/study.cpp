#include "mode/evaluation/study.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>

#include "mode/evaluation/tables.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace mode {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
const char* const header = "method,set,fpr95,auroc";
const char *const knn_row = "neighbor-accuracy", *const earlier_knn_row = "neighbour-accuracy";
const char* const classifier_row = "classifier-accuracy";

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts = {""};
  for (const char c : text) {
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

std::string rows_of(const RunScores& scores, const std::string& prefix) {
  std::string text = fmt::format("{}{},{},{},\n", prefix, "", knn_row, scores.knn_accuracy);
  text += fmt::format("{}{},{},{},\n", prefix, "", classifier_row, scores.classifier_accuracy);
  for (const auto& [method, sets] : scores.detections)
    for (const auto& [set, detection] : sets) text += fmt::format("{}{},{},{},{}\n", prefix, method, set, detection.fpr95, detection.auroc);
  return text;
}

using Number = std::function<double(const RunScores&)>;

std::vector<double> over_seeds(const Study& study, const std::string& arm, const Number& number) {
  std::vector<double> values;
  for (const uint64_t seed : study.seeds) values.push_back(number(study.runs.at(arm).at(seed)));
  return values;
}

/// "83.12 ± 0.40" in %; a difference has a sign.
std::string cell(const std::vector<double>& values, bool difference = false) {
  const Spread spread = spread_of(values);
  if (std::isnan(spread.mean)) return "n/a";
  const std::string mean = difference ? fmt::format("{:+.2f}", 100 * spread.mean) : fmt::format("{:.2f}", 100 * spread.mean);
  return std::isnan(spread.deviation) ? mean : fmt::format("{} ± {:.2f}", mean, 100 * spread.deviation);
}

double RunScores::Detection::*const metrics[] = {&RunScores::Detection::auroc, &RunScores::Detection::fpr95};

Number on_set(const std::string& method, const std::string& set, double RunScores::Detection::*metric) {
  return [=](const RunScores& run) { return run.detections.at(method).at(set).*metric; };
}
Number mean_over_sets(const Study& study, const std::string& method, double RunScores::Detection::*metric) {
  return [=, &study](const RunScores& run) {
    double sum = 0;
    for (const std::string& set : study.sets) sum += run.detections.at(method).at(set).*metric;
    return sum / static_cast<double>(study.sets.size());
  };
}

std::string accuracy_table(const Study& study) {
  std::vector<std::vector<std::string>> rows = {{"arm", "epochs", "ID accuracy (k-NN)", "(classifier)"}};
  for (const std::string& arm : study.arms)
    rows.push_back({arm, study.epochs.at(arm), cell(over_seeds(study, arm, [](const RunScores& run) { return run.knn_accuracy; })),
                    cell(over_seeds(study, arm, [](const RunScores& run) { return run.classifier_accuracy; }))});
  return align(rows, 2);
}

std::string metric_table(const Study& study, double RunScores::Detection::*metric) {
  std::vector<std::vector<std::string>> rows = {{"arm", "method"}};
  rows[0].insert(rows[0].end(), study.sets.begin(), study.sets.end());
  rows[0].emplace_back("mean");
  for (const std::string& arm : study.arms)
    for (const std::string& method : study.methods) {
      rows.push_back({arm, method});
      for (const std::string& set : study.sets) rows.back().push_back(cell(over_seeds(study, arm, on_set(method, set, metric))));
      rows.back().push_back(cell(over_seeds(study, arm, mean_over_sets(study, method, metric))));
    }
  return align(rows, 2);
}

/// Differences of the mean over sets between two arms (or two methods), paired by seed.
std::string gain_table(const Study& study) {
  std::vector<std::vector<std::string>> rows = {{"gain", "by", "AUROC", "FPR95"}};
  const auto has = [&](const std::string& arm) { return std::find(study.arms.begin(), study.arms.end(), arm) != study.arms.end(); };
  const auto add = [&](const std::string& name, const std::string& by, const std::string& arm, const std::string& method,
                       const std::string& other_arm, const std::string& other_method) {
    rows.push_back({name, by});
    for (const auto metric : metrics) {
      std::vector<double> gained = over_seeds(study, arm, mean_over_sets(study, method, metric));
      const std::vector<double> before = over_seeds(study, other_arm, mean_over_sets(study, other_method, metric));
      for (size_t at = 0; at < gained.size(); ++at) gained[at] -= before[at];
      rows.back().push_back(cell(gained, true));
    }
  };
  struct Comparison {
    const char *name, *arm, *other;
  };
  for (const Comparison& comparison :
       {Comparison{"further training", "extra", "base"}, Comparison{"ALPA fine-tuning (MODE-F)", "finetune", "base"},
        Comparison{"ALPA over equal further training", "finetune", "extra"}, Comparison{"joint ALPA (MODE-T)", "joint", "base"}})
    if (has(comparison.arm) && has(comparison.other))
      for (const std::string& method : study.methods)
        add(comparison.name, fmt::format("{} - {}, {}", comparison.arm, comparison.other, method), comparison.arm, method, comparison.other,
            method);
  if (study.methods.size() == 2)
    for (const std::string& arm : study.arms)
      add("regions over the global vector", fmt::format("{} - {}, {}", study.methods[1], study.methods[0], arm), arm, study.methods[1], arm,
          study.methods[0]);
  return align(rows, 2);
}

}  // namespace

std::string scores_to_csv(const RunScores& scores) { return fmt::format("{}\n{}", header, rows_of(scores, "")); }

RunScores scores_from_csv(const std::string& text, const std::string& path) {
  const auto need = [&](bool holds) {
    CHECK(holds, "{} does not hold the complete scores of a run; delete it, and the run is scored again", nn::printable(path));
  };
  const auto number = [&](const std::string& word) {
    char* end = nullptr;
    const double value = std::strtod(word.c_str(), &end);
    need(end != word.c_str() && *end == 0);
    return value;
  };
  const std::vector<std::string> lines = split(text, '\n');
  need(lines.size() >= 4 && lines.front() == header && lines.back().empty());
  RunScores scores;
  bool has_knn = false, has_classifier = false;
  for (size_t at = 1; at + 1 < lines.size(); ++at) {
    const std::vector<std::string> words = split(lines[at], ',');
    need(words.size() == 4);
    if (words[0].empty()) {
      const bool is_knn = words[1] == knn_row || words[1] == earlier_knn_row;
      need(is_knn || words[1] == classifier_row);
      (is_knn ? scores.knn_accuracy : scores.classifier_accuracy) = number(words[2]);
      (is_knn ? has_knn : has_classifier) = true;
    } else {
      scores.detections[words[0]][words[1]] = {number(words[2]), number(words[3])};
    }
  }
  need(has_knn && has_classifier);
  return scores;
}

Spread spread_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {values.empty() ? nan : mean, values.size() > 1 ? std::sqrt(squares / (n - 1)) : nan};
}

std::string format_study(const Study& study) {
  return fmt::format(
      "In %, mean ± standard deviation over {} ({})\n\n{}\nAUROC (higher is better)\n\n{}\nFPR95 by the papers' definition (lower is "
      "better)\n\n{}\nGains of the mean over sets, in points, paired by seed (AUROC: positive is better; FPR95: negative)\n\n{}",
      study.seeds.size() == 1 ? "one seed" : fmt::format("{} seeds", study.seeds.size()), nn::joined(study.seeds, ", "),
      accuracy_table(study), metric_table(study, metrics[0]), metric_table(study, metrics[1]), gain_table(study));
}

std::string study_to_csv(const Study& study) {
  std::string text = fmt::format("arm,seed,{}\n", header);
  for (const std::string& arm : study.arms)
    for (const uint64_t seed : study.seeds) text += rows_of(study.runs.at(arm).at(seed), fmt::format("{},{},", arm, seed));
  return text;
}

}  // namespace mode
