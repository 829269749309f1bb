#include "tools/commands/common.h"

#include <algorithm>
#include <filesystem>

#include "mode/evaluation/evaluation.h"
#include "nn/text.h"
#include "tensor/parallel.h"
#include "tools/commands/progress.h"

namespace mode::tools {

void use_threads(int threads) {
  if (threads > 0) tensor::set_num_threads(threads);
}

tensor::Device device_of(const std::string& word) {
  if (!tensor::is_device_name(word)) throw UsageError(fmt::format("--device {}: expected cpu, cuda or cuda:N", nn::printable(word)));
  return tensor::parse_device(word);
}

void ensure_writable_file(const std::string& path) {
  const std::filesystem::path file(path);
  CHECK(!std::filesystem::is_directory(file), "{} is a directory; --out names a file here", path);
  const std::filesystem::path directory = file.has_parent_path() ? file.parent_path() : ".";
  CHECK(std::filesystem::is_directory(directory), "the directory {} does not exist; create it first or choose another --out",
        directory.string());
  ensure_writable_directory(directory.string());
}

nn::Stem parse_stem(const std::string& word) {
  if (const auto stem = nn::value_of(word, nn::stem_names())) return *stem;
  throw UsageError(fmt::format("--stem {}: expected {}", nn::printable(word), nn::known_names(nn::stem_names())));
}

nn::Shortcut parse_shortcut(const std::string& word) {
  if (const auto shortcut = nn::value_of(word, nn::shortcut_names())) return *shortcut;
  throw UsageError(fmt::format("--shortcut {}: expected {}", nn::printable(word), nn::known_names(nn::shortcut_names())));
}

NamedSpec parse_named_spec(const std::string& text) {
  const size_t equals = text.find('=');
  const size_t colon = text.find(':');
  if (equals == std::string::npos || equals == 0 || (colon != std::string::npos && colon < equals))
    throw UsageError(fmt::format("--ood {}: expected NAME=SPEC, for example textures=folder:images/textures", text));
  NamedSpec result{text.substr(0, equals), text.substr(equals + 1)};
  return result;
}

std::vector<NamedSpec> parse_ood(const std::vector<std::string>& words) {
  std::vector<NamedSpec> sets;
  std::vector<std::string> names;
  for (const std::string& word : words) names.push_back(sets.emplace_back(parse_named_spec(word)).name);
  check_ood_names(names);
  return sets;
}

std::vector<std::string> parse_methods(const std::vector<std::string>& words) {
  std::vector<std::string> methods;
  const std::vector<std::string> known = known_methods();
  for (const std::string& word : words) {
    if (word == "all") return known;
    if (std::find(known.begin(), known.end(), word) == known.end())
      throw UsageError(fmt::format("--methods {}: unknown; known are all, {}", word, nn::joined(known)));
    if (std::find(methods.begin(), methods.end(), word) == methods.end()) methods.push_back(word);
  }
  return methods.empty() ? known : methods;
}

Features features_of(nn::LoadedModel& model, const nn::Dataset& dataset, int64_t batch, const std::string& label,
                     const std::vector<std::string>& scale_sets) {
  Progress progress(label, dataset.size(), "images");
  Features features = extract_features(
      *model.net, dataset, model.checkpoint.preprocessing, batch, [&](int64_t done, int64_t) { progress.update(done); }, scale_sets);
  progress.finish(fmt::format("{}: {} images in {}", label, with_commas(features.size()), format_seconds(progress.seconds())));
  return features;
}

nn::LoadedModel load_usable_model(const std::string& path, const nn::ModelOverrides& overrides, tensor::Device device) {
  nn::LoadedModel model = nn::load_model(path, overrides);
  CHECK(model.checkpoint.has_preprocessing,
        "{} lacks the normalization of its images; give --mean and --std of its training, three numbers each", path);
  if (!model.report.renamed.empty() || !model.report.missing.empty()) fmt::print("{}\n", model.report.to_string());
  model.net->to(device);
  return model;
}

}  // namespace mode::tools
