#include "tools/commands/common.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "mode/evaluation/evaluation.h"
#include "mode/version.h"
#include "nn/text.h"
#include "tensor/cuda/cuda.h"
#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tools/commands/progress.h"

namespace mode::tools {

namespace {

/// Opens a file of a name that nobody uses, and removes it.
void ensure_writable_beside(const std::filesystem::path& directory, const std::string& what) {
  std::string probe = (directory / ".writable-XXXXXX").string();
  const int file = ::mkostemp(probe.data(), O_CLOEXEC);
  CHECK(file >= 0, "cannot write {}: {}; choose another place with --out", what, std::strerror(errno));
  ::close(file);
  ::unlink(probe.c_str());
}

}  // namespace

void use_threads(int threads) {
  if (threads > 0) tensor::set_num_threads(threads);
}

tensor::Device device_of(const std::string& word) {
  if (!tensor::is_device_name(word)) throw UsageError(fmt::format("--device {}: unknown; known: cpu, cuda, cuda:N", word));
  return tensor::parse_device(word);
}

std::string name_of(tensor::Device device) { return device.is_cpu() ? "cpu" : tensor::cuda::description(device.index); }

std::string machine_line(tensor::Device device) {
  return fmt::format("{}{}, {} thread{}, commit {}", device.is_cpu() ? "" : fmt::format("{} ({}), ", device.to_string(), name_of(device)),
                     tensor::name(tensor::isa()), tensor::num_threads(), tensor::num_threads() == 1 ? "" : "s", mode::commit());
}

std::string with_commas(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t at = 0; at < digits.size(); ++at) {
    if (at > 0 && digits[at - 1] != '-' && (digits.size() - at) % 3 == 0) text += ',';
    text += digits[at];
  }
  return text;
}

std::string join(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

std::string format_seconds(double seconds) {
  if (!(seconds >= 0 && seconds < 1e9)) return "?";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string join_numbers(const std::vector<double>& numbers) {
  std::string text;
  for (const double number : numbers) text += fmt::format("{}{:.17g}", text.empty() ? "" : " ", number);
  return text;
}

std::vector<double> split_numbers(const std::string& text) {
  std::vector<double> numbers;
  const char* at = text.c_str();
  while (true) {
    char* end = nullptr;
    const double number = std::strtod(at, &end);
    if (end == at) break;
    numbers.push_back(number);
    at = end;
  }
  while (*at == ' ') ++at;
  CHECK(*at == 0, "'{}' are not numbers", nn::printable(text));
  return numbers;
}

void ensure_writable_directory(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  CHECK(!error, "cannot make the directory {}: {}; choose another --out", directory, error.message());
  CHECK(std::filesystem::is_directory(directory), "{} is not a directory; choose another --out", directory);
  ensure_writable_beside(directory, "into the directory " + directory);
}

void ensure_writable_file(const std::string& path) {
  const std::filesystem::path file(path);
  CHECK(!std::filesystem::is_directory(file), "{} is a directory; --out names a file here", path);
  const std::filesystem::path directory = file.has_parent_path() ? file.parent_path() : ".";
  CHECK(std::filesystem::is_directory(directory), "the directory {} does not exist; make it first or choose another --out",
        directory.string());
  ensure_writable_beside(directory, path);
}

nn::Stem parse_stem(const std::string& word) {
  if (word == "cifar") return nn::Stem::cifar;
  if (word == "imagenet") return nn::Stem::imagenet;
  throw UsageError(fmt::format("--stem {}: expected cifar or imagenet", word));
}

nn::Shortcut parse_shortcut(const std::string& word) {
  if (word.empty()) return nn::Shortcut::standard;
  if (word == "a") return nn::Shortcut::option_a;
  if (word == "projection") return nn::Shortcut::projection;
  throw UsageError(fmt::format("--shortcut {}: expected a or projection", word));
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
      throw UsageError(fmt::format("--methods {}: unknown; known are all, {}", word, join(known, ", ")));
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
        "{} does not say how its images were normalized; give --mean and --std, three numbers each, as its training had them", path);
  if (!model.report.renamed.empty() || !model.report.missing.empty()) fmt::print("{}\n", model.report.to_string());
  model.net->to(device);
  return model;
}

void print_layer_table(const nn::ResNet& net, int64_t size) {
  int64_t parameters = 0, kept = 0;
  double mflop = 0;
  const auto kib = [](int64_t bytes) { return static_cast<double>(bytes) / 1024; };
  fmt::print("{:<24} {:>18} {:>12} {:>10} {:>10}\n", "layer", "output", "parameters", "MFLOP", "kept KiB");
  for (const nn::LayerRow& row : net.layer_table(size, size)) {
    fmt::print("{:<24} {:>18} {:>12} {:>10.2f} {:>10.1f}\n", row.name, row.output.to_string(), with_commas(row.parameters), row.mflop,
               kib(row.saved_bytes));
    parameters += row.parameters;
    mflop += row.mflop;
    kept += row.saved_bytes;
  }
  fmt::print("{:<24} {:>18} {:>12} {:>10.2f} {:>10.1f}\n", net.arch(), "", with_commas(parameters), mflop, kib(kept));
}

}  // namespace mode::tools
