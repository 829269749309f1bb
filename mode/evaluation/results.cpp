#include "mode/evaluation/results.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "mode/version.h"
#include "nn/checkpoint.h"
#include "nn/files.h"
#include "nn/safetensors.h"
#include "nn/text.h"
#include "tensor/check.h"
#include "tensor/isa.h"

namespace mode {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

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

/// Rectangle of each scale as fractions of the image: top, left, bottom, right.
Json fractions_of(const std::vector<Scale>& scales) {
  double height = 1, width = 1;  // of the feature map: its global region, or its last position, ends at its edge
  for (const Scale& scale : scales) {
    height = std::max(height, static_cast<double>(scale.rect.bottom));
    width = std::max(width, static_cast<double>(scale.rect.right));
  }
  Json boxes = Json::object();
  for (const Scale& scale : scales)
    boxes[scale.name] = {static_cast<double>(scale.rect.top) / height, static_cast<double>(scale.rect.left) / width,
                         static_cast<double>(scale.rect.bottom) / height, static_cast<double>(scale.rect.right) / width};
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
  if (!evaluation.decisions.empty()) json["scales"] = fractions_of(evaluation.scales);
  json["id_accuracy"] = number(evaluation.id_accuracy);
  json["seed"] = context.seed ? Json(*context.seed) : Json(nullptr);
  json["arguments"] = context.arguments;
  for (const auto& [key, value] : context.facts) {
    CHECK(!json.contains(key), "results.json: the context key '{}' is a key of the results; rename it", key);
    json[key] = value;
  }
  // File names may hold any bytes; bytes that are not UTF-8 are replaced.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted;
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return fmt::format("\"{}\"", quoted);
}

// Columns: image, label, one score per method. For methods with decisions also: the deciding scale, the nearest training region, and its
// box in pixels of the network's input (empty where unknown).
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

// Names of the score files of the earlier report whose results.json is at `path`; empty where it is missing or of another program.
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

// results.json is removed first: a failure may leave scores without results, but never results with scores of another evaluation.
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
    CHECK(!fault || fault == std::errc::filename_too_long,
          "cannot remove {} of the earlier report: {}; remove it or choose another directory with --out", nn::printable(path.string()),
          fault.message());
  }
}

}  // namespace

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

ReportContext context_of(const nn::LoadedModel& model, const std::string& path) {
  ReportContext context;
  if (const auto seed = model.checkpoint.metadata.find("seed"); seed != model.checkpoint.metadata.end()) {
    const std::string& text = seed->second;
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) context.seed = number;
  }
  context.facts = {{"model", path},
                   {"weights", nn::content_hash(nn::export_weights(*model.net))},
                   {"arch", model.net->arch()},
                   {"commit", std::string(commit())},
                   {"isa", std::string(tensor::name(tensor::isa()))}};
  return context;
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
  nn::write_file((fs::path(directory) / "results.json").string(), json);  // last: its presence means a complete report
}

}  // namespace mode
