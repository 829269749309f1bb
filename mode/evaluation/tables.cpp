#include "mode/evaluation/tables.h"

#include <algorithm>
#include <set>

#include "tensor/check.h"

namespace mode {
namespace {

std::string percent(double fraction) { return fmt::format("{:.2f}", 100 * fraction); }

/// "n/a (constant)".
std::string missing_cell(const Metrics& metrics) { return fmt::format("n/a ({})", metrics.flag.substr(0, metrics.flag.find(' '))); }

std::string main_table(const Evaluation& evaluation) {
  std::vector<std::vector<std::string>> rows = {{"method"}};
  for (const std::string& set : evaluation.ood_sets) rows[0].push_back(set);
  rows[0].push_back("mean");
  bool partial = false;
  for (const std::string& method : evaluation.methods) {
    rows.push_back({method});
    for (const std::string& set : evaluation.ood_sets) rows.back().push_back(metrics_cell(evaluation.results.at(method).at(set)));
    const Metrics& mean = evaluation.mean.at(method);
    rows.back().push_back(metrics_cell(mean));
    partial = partial || (mean.valid && !mean.flag.empty());
  }
  return fmt::format("FPR95 / AUROC in %, by the papers' definition (FPR95: lower is better; AUROC: higher is better)\n\n{}{}",
                     align(rows, 1), partial ? "\n* mean over the sets with a number\n" : "");
}

/// Whether more than one scale decided (knn uses the global vector only).
bool has_choice(const Evaluation& evaluation, const std::string& method) {
  std::set<std::string> scales;
  for (const auto& [set, of_methods] : evaluation.decisions)
    if (const auto found = of_methods.find(method); found != of_methods.end())
      for (const Decision& decision : found->second) scales.insert(decision.scale);
  return scales.size() > 1;
}

/// Share of each set's images that a scale decided, in %: one column per deciding scale.
std::string decision_table(const Evaluation& evaluation) {
  std::vector<std::vector<std::string>> rows = {{"method", "set"}};
  std::vector<std::string> sets = {"id"};
  sets.insert(sets.end(), evaluation.ood_sets.begin(), evaluation.ood_sets.end());
  const auto column_of = [&](const std::string& scale) {
    const auto found = std::find(rows[0].begin() + 2, rows[0].end(), scale);
    if (found == rows[0].end()) {
      rows[0].push_back(scale);
      return rows[0].size() - 1;
    }
    return static_cast<size_t>(found - rows[0].begin());
  };
  for (const std::string& set : sets) {
    if (evaluation.decisions.count(set) == 0) continue;
    for (const auto& [method, decisions] : evaluation.decisions.at(set)) {
      if (!has_choice(evaluation, method)) continue;
      std::vector<std::string> row = {method, set};
      for (const auto& [scale, share] : decided_by(decisions, evaluation.scales)) {
        const size_t column = column_of(scale);
        row.resize(std::max(row.size(), column + 1), "0.0");
        row[column] = fmt::format("{:.1f}", 100 * share);
      }
      rows.push_back(row);
    }
  }
  if (rows.size() == 1) return {};
  for (auto& row : rows) row.resize(rows[0].size(), "0.0");
  return fmt::format("Deciding scale, in % of the images\n\n{}\n", align(rows, 2));
}

std::string other_table(const Evaluation& evaluation) {
  std::vector<std::vector<std::string>> rows = {{"method", "OOD set", "AUIN", "AUOUT", "DTERR", "| OpenOOD: FPR95", "AUPR_IN", "AUPR_OUT"}};
  const auto add = [&](const std::string& method, const std::string& set, const Metrics& m) {
    rows.push_back({method, set});
    for (const double number : {m.paper.auin, m.paper.auout, m.paper.dterr, m.openood.fpr95, m.openood.aupr_in, m.openood.aupr_out})
      rows.back().push_back(m.valid ? percent(number) : missing_cell(m));
  };
  for (const std::string& method : evaluation.methods) {
    for (const std::string& set : evaluation.ood_sets) add(method, set, evaluation.results.at(method).at(set));
    if (evaluation.ood_sets.size() > 1) add(method, "mean", evaluation.mean.at(method));
  }
  return fmt::format(
      "Other metrics in %. The papers fix the ID recall at 95 %, OpenOOD the OOD recall: the two FPR95 are not comparable.\n\n{}",
      align(rows, 2));
}

}  // namespace

std::string metrics_cell(const Metrics& metrics) {
  if (!metrics.valid) return missing_cell(metrics);
  return fmt::format("{} / {}{}", percent(metrics.paper.fpr95), percent(metrics.paper.auroc), metrics.flag.empty() ? "" : "*");
}

std::string align(const std::vector<std::vector<std::string>>& rows, size_t left_columns) {
  const auto width_of = [](const std::string& text) {  // in characters: continuation bytes of UTF-8 (10xxxxxx) do not count
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
  };
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string blanks(widths[c] - width_of(row[c]), ' ');
      line += (c > 0 ? "  " : "") + (c < left_columns ? row[c] + blanks : blanks + row[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string format_table(const Evaluation& evaluation) {
  if (evaluation.methods.empty() || evaluation.ood_sets.empty()) return {};
  std::vector<std::vector<std::string>> settings;
  for (const std::string& method : evaluation.methods) {
    const std::string& of_method = evaluation.settings.at(method);
    settings.push_back({fmt::format("  {}", method), of_method.empty() ? "none" : of_method});
  }
  return fmt::format("{}\nsettings\n{}\n{}{}", main_table(evaluation), align(settings, 2), decision_table(evaluation),
                     other_table(evaluation));
}

}  // namespace mode
