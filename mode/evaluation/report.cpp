// The written side of an evaluation: the table a person reads, results.json and scores/*.csv.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "mode/evaluation/evaluation.h"
#include "mode/evaluation/table.h"
#include "nn/data/readers.h"
#include "nn/safetensors.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace mode {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// ---- the table

std::string percent(double fraction) { return fmt::format("{:.2f}", 100 * fraction); }

std::string why_not(const Metrics& metrics) { return fmt::format("n/a ({})", metrics.flag.substr(0, metrics.flag.find(' '))); }

std::string main_cell(const Metrics& metrics) {
  if (!metrics.valid) return why_not(metrics);
  return fmt::format("{} / {}{}", percent(metrics.paper.fpr95), percent(metrics.paper.auroc), metrics.flag.empty() ? "" : "*");
}

std::string main_table(const Evaluation& evaluation) {
  std::vector<std::vector<std::string>> rows = {{"method"}};
  for (const std::string& set : evaluation.ood_sets) rows[0].push_back(set);
  rows[0].push_back("mean");
  bool partial = false;
  for (const std::string& method : evaluation.methods) {
    rows.push_back({method});
    for (const std::string& set : evaluation.ood_sets) rows.back().push_back(main_cell(evaluation.results.at(method).at(set)));
    const Metrics& mean = evaluation.mean.at(method);
    rows.back().push_back(main_cell(mean));
    partial = partial || (mean.valid && !mean.flag.empty());
  }
  return fmt::format("FPR95 / AUROC in %, as the papers count them (FPR95: lower is better, AUROC: higher)\n\n{}{}", align(rows, 1),
                     partial ? "\n* without the sets that have no number\n" : "");
}

/// Whether a method had scales to choose from (knn has the global vector alone).
bool has_choice(const Evaluation& evaluation, const std::string& method) {
  std::set<std::string> scales;
  for (const auto& [set, of_methods] : evaluation.decisions)
    if (const auto found = of_methods.find(method); found != of_methods.end())
      for (const Decision& decision : found->second) scales.insert(decision.scale);
  return scales.size() > 1;
}

/// Which scale decided, in % of each set's images: a column for each scale that ever did.
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
  return fmt::format("Which scale decided, in % of the images\n\n{}\n", align(rows, 2));
}

std::string other_table(const Evaluation& evaluation) {
  std::vector<std::vector<std::string>> rows = {{"method", "OOD set", "AUIN", "AUOUT", "DTERR", "| openood: FPR95", "AUPR_IN", "AUPR_OUT"}};
  const auto add = [&](const std::string& method, const std::string& set, const Metrics& m) {
    rows.push_back({method, set});
    for (const double number : {m.paper.auin, m.paper.auout, m.paper.dterr, m.openood.fpr95, m.openood.aupr_in, m.openood.aupr_out})
      rows.back().push_back(m.valid ? percent(number) : why_not(m));
  };
  for (const std::string& method : evaluation.methods) {
    for (const std::string& set : evaluation.ood_sets) add(method, set, evaluation.results.at(method).at(set));
    if (evaluation.ood_sets.size() > 1) add(method, "mean", evaluation.mean.at(method));
  }
  return fmt::format(
      "The other metrics in %. openood fixes the OOD recall at 95 % where the papers fix the ID recall: never compare the two FPR95.\n\n{}",
      align(rows, 2));
}

// ---- files

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const Metrics& metrics) {
  const PaperMetrics& paper = metrics.paper;
  const OpenoodMetrics& openood = metrics.openood;
  Json json = {{"fpr95", number(paper.fpr95)},
               {"auroc", number(paper.auroc)},
               {"auin", number(paper.auin)},
               {"auout", number(paper.auout)},
               {"dterr", number(paper.dterr)}};
  json["openood"] = {{"fpr95", number(openood.fpr95)}, {"aupr_in", number(openood.aupr_in)}, {"aupr_out", number(openood.aupr_out)}};
  if (!metrics.flag.empty()) json["flag"] = metrics.flag;
  return json;
}

/// Each scale's rectangle as shares of the image: top, left, bottom, right.
Json boxes_of(const std::vector<Scale>& scales) {
  double height = 1, width = 1;  // of the map: no region ends beyond it, and the global one, or the last position, ends there
  for (const Scale& scale : scales) {
    height = std::max(height, static_cast<double>(scale.region.bottom));
    width = std::max(width, static_cast<double>(scale.region.right));
  }
  Json boxes = Json::object();
  for (const Scale& scale : scales)
    boxes[scale.name] = {static_cast<double>(scale.region.top) / height, static_cast<double>(scale.region.left) / width,
                         static_cast<double>(scale.region.bottom) / height, static_cast<double>(scale.region.right) / width};
  return boxes;
}

std::string results_json(const Evaluation& evaluation, const ReportContext& context) {
  Json json;
  if (!evaluation.ood_sets.empty()) {
    for (const char* key : {"results", "mean", "settings"}) json[key] = Json::object();
    for (const std::string& method : evaluation.methods) {
      json["results"][method] = Json::object();
      for (const std::string& set : evaluation.ood_sets) json["results"][method][set] = to_json(evaluation.results.at(method).at(set));
      json["mean"][method] = to_json(evaluation.mean.at(method));
      json["settings"][method] = evaluation.settings.at(method);
    }
  }
  for (const auto& [set, of_methods] : evaluation.decisions)
    for (const auto& [method, decisions] : of_methods)
      for (const auto& [scale, share] : decided_by(decisions, evaluation.scales)) json["decided_by"][method][set][scale] = share;
  if (!evaluation.decisions.empty()) json["scales"] = boxes_of(evaluation.scales);
  json["id_accuracy"] = number(evaluation.id_accuracy);
  json["seed"] = context.seed ? Json(*context.seed) : Json(nullptr);
  json["arguments"] = context.arguments;
  for (const auto& [key, value] : context.facts) {
    CHECK(!json.contains(key), "results.json: '{}' is a key of its own and cannot be context", key);
    json[key] = value;
  }
  // Names of files may hold any bytes; what is not UTF-8 is replaced.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted;
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return fmt::format("\"{}\"", quoted);
}

// The image, a score of each method, and where regions decided: which of the image's, and the training region nearest to it, with its
// box in pixels of the network's input (empty where that is not known).
std::string scores_csv(const Evaluation& evaluation, const std::string& set, const Features& features) {
  const std::map<std::string, std::vector<double>>& scores = evaluation.scores.at(set);
  const auto found = evaluation.decisions.find(set);
  const std::map<std::string, std::vector<Decision>> none, &decisions = found == evaluation.decisions.end() ? none : found->second;
  std::string text = "image,label";
  for (const std::string& method : evaluation.methods) text += fmt::format(",{}", csv_cell(method));
  for (const auto& [method, of_method] : decisions)
    for (const char* column :
         {"scale", "neighbor", "neighbor_scale", "neighbor_label", "neighbor_x0", "neighbor_y0", "neighbor_x1", "neighbor_y1"})
      text += fmt::format(",{}_{}", method, column);
  text += "\n";
  for (int64_t at = 0; at < features.size(); ++at) {
    const auto row = static_cast<size_t>(at);
    text += csv_cell(features.image_names[row]) + fmt::format(",{}", features.labels.data<int64_t>()[at]);
    for (const std::string& method : evaluation.methods) text += fmt::format(",{}", scores.at(method).at(row));
    for (const auto& [method, of_method] : decisions) {
      const Decision& decision = of_method.at(row);
      text += fmt::format(",{},{},{},{}", decision.scale, csv_cell(decision.image), decision.neighbor_scale, decision.label);
      const auto box = evaluation.boxes.find(decision.neighbor_scale);
      text += box == evaluation.boxes.end()
                  ? ",,,,"
                  : fmt::format(",{},{},{},{}", box->second.left, box->second.top, box->second.right, box->second.bottom);
    }
    text += "\n";
  }
  return text;
}

// What the earlier report in results.json wrote into scores/; nothing where there is none, or it is none of ours.
std::set<std::string> sets_of_report(const fs::path& path) {
  std::set<std::string> sets;
  if (!fs::exists(path)) return sets;
  const std::vector<uint8_t> bytes = nn::read_file(path.string(), int64_t{1} << 30);
  const Json json = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("results") || !json["results"].is_object()) return sets;
  for (const auto& of_method : json["results"]) {
    if (!of_method.is_object()) continue;
    sets.insert("id");
    for (const auto& [set, metrics] : of_method.items())
      if (set.find('/') == std::string::npos && set.find('\0') == std::string::npos) sets.insert(set);
  }
  return sets;
}

// A failure on the way may leave scores without results, but never results beside scores of another evaluation.
void remove_earlier_report(const fs::path& directory, const Evaluation& evaluation) {
  std::set<std::string> old = sets_of_report(directory / "results.json");
  fs::remove(directory / "results.json");
  if (!evaluation.methods.empty()) {
    old.erase("id");
    for (const std::string& set : evaluation.ood_sets) old.erase(set);
  }
  for (const std::string& set : old) {
    const fs::path path = directory / "scores" / (set + ".csv");
    std::error_code fault;
    fs::remove(path, fault);
    CHECK(!fault || fault == std::errc::filename_too_long, "cannot remove {}, of the earlier report: {}", nn::printable(path.string()),
          fault.message());
  }
}

}  // namespace

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

void prepare_report(const std::string& directory, bool with_scores) {
  std::vector<fs::path> paths = {directory};
  if (with_scores) paths.push_back(fs::path(directory) / "scores");
  for (const fs::path& path : paths) {
    std::error_code error;
    fs::create_directories(path, error);
    CHECK(!error && fs::is_directory(path, error), "cannot make the directory {}: {}; choose another with --out", path.string(),
          error ? error.message() : std::string("it is not a directory"));
    CHECK(::access(path.c_str(), W_OK | X_OK) == 0, "cannot write into {}; choose another directory with --out", path.string());
  }
  const fs::path results = fs::path(directory) / "results.json";
  CHECK(!fs::exists(results) || fs::is_regular_file(results),
        "cannot write {}: it is not a regular file; choose another directory with --out", results.string());
}

void write_report(const std::string& directory, const Evaluation& evaluation, const Features& id_test, const std::vector<OodSet>& ood,
                  const ReportContext& context) {
  prepare_report(directory, !evaluation.methods.empty());
  const std::string json = results_json(evaluation, context);
  remove_earlier_report(directory, evaluation);
  const std::string scores = (fs::path(directory) / "scores").string() + "/";
  if (!evaluation.methods.empty()) {
    nn::write_file(scores + "id.csv", scores_csv(evaluation, "id", id_test));
    for (const OodSet& set : ood) nn::write_file(scores + set.name + ".csv", scores_csv(evaluation, set.name, set.features));
  }
  nn::write_file((fs::path(directory) / "results.json").string(), json);  // last: where it stands, the rest does too
}

}  // namespace mode
