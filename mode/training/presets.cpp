// Named sets of options. The published ones are those of Zhang et al., "From Global to Local: Multi-scale Out-of-distribution Detection",
// 2023; the paper's cosine schedule changes once per epoch, ours once per step.
#include <algorithm>

#include "mode/training/options.h"
#include "nn/text.h"

namespace mode {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

struct Preset {
  const char *name, *about;
  Settings settings;
  bool finetunes = false;  ///< for mode finetune, not for mode train
};

/// `settings` with those of `more` replaced or appended.
Settings with(Settings settings, const Settings& more) {
  for (const auto& setting : more) {
    const auto found = std::find_if(settings.begin(), settings.end(), [&](const auto& other) { return other.first == setting.first; });
    if (found == settings.end())
      settings.push_back(setting);
    else
      found->second = setting.second;
  }
  return settings;
}

std::vector<Preset> make_presets() {
  const auto published = [](const char* arch) {
    return Settings{{"arch", arch},         {"epochs", "500"},         {"batch", "512"},        {"lr", "0.2"},
                    {"schedule", "cosine"}, {"final-ratio", "0.001"},  {"warmup-epochs", "10"}, {"warmup-start", "0.01"},
                    {"momentum", "0.9"},    {"weight-decay", "0.0001"}};
  };
  const Settings crop_flip = {{"augment", "crop-flip"}};
  const Settings imagenet = {{"stem", "imagenet"},  {"size", "224"},      {"crop", "center"},
                             {"short-side", "256"}, {"read-size", "256"}, {"augment", "imagenet"}};
  const Settings supcon = {{"loss", "supcon"}, {"views", "2"}, {"temperature", "0.1"}, {"lr", "0.5"}, {"augment", "contrastive"}};
  const Settings joint = {{"alpa", "joint"}, {"alpa-weight", "1"}, {"batch", "128"}, {"lr", "0.5"}, {"warmup-epochs", "0"}};
  const Settings mode_f = {{"epochs", "500"}, {"batch", "128"},          {"lr", "0.1"}, {"momentum", "0.9"}, {"weight-decay", "0.0001"},
                           {"views", "2"},    {"augment", "contrastive"}};
  const Settings quick = {{"arch", "resnet14"}, {"epochs", "12"},           {"batch", "128"},
                          {"lr", "0.1"},        {"weight-decay", "0.0005"}, {"augment", "crop-flip"}};
  return {
      {"cifar10-ce", "the paper's cross-entropy backbone for CIFAR-10", with(published("resnet18"), crop_flip)},
      {"cifar100-ce", "the paper's cross-entropy backbone for CIFAR-100", with(published("resnet34"), crop_flip)},
      {"imagenet-ce", "a cross-entropy backbone for ImageNet, with the options of CIFAR", with(published("resnet50"), imagenet)},
      {"cifar10-supcon", "the paper's contrastive backbone for CIFAR-10", with(published("resnet18"), supcon)},
      {"cifar100-supcon", "the paper's contrastive backbone for CIFAR-100", with(published("resnet34"), supcon)},
      {"cifar10-mode-t", "MODE-T on the contrastive loss", with(with(published("resnet18"), supcon), joint)},
      {"cifar10-mode-t-ce", "MODE-T on cross-entropy", with(with(published("resnet18"), crop_flip), joint)},
      {"mode-f", "MODE-F, for mode finetune: ALPA alone, from a trained network", mode_f, true},
      {"quick", "CIFAR-10 in half an hour on two cores, about 85 % accuracy", quick},
  };
}

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = make_presets();
  return all;
}

const Preset& preset_of(const std::string& name) {
  for (const Preset& preset : presets())
    if (preset.name == name) return preset;
  throw OptionError(
      fmt::format("--preset {}: unknown; known: {}; --preset list prints their options", nn::printable(name), nn::joined(known_presets())));
}

}  // namespace

std::vector<std::string> known_presets() {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) names.emplace_back(preset.name);
  return names;
}

std::string describe_presets() {
  std::string text;
  for (const Preset& preset : presets()) {
    text += fmt::format("{:<18} {}:", preset.name, preset.about);
    for (const auto& [name, value] : preset.settings) text += fmt::format(" --{} {}", name, value);
    text += "\n";
  }
  return text;
}

TrainOptions with_preset(TrainOptions options) {
  if (options.preset.empty()) return options;
  const Preset& preset = preset_of(options.preset);
  if (preset.finetunes != (options.made_by == "finetune"))
    throw OptionError(fmt::format("--preset {} belongs to mode {}", options.preset, preset.finetunes ? "finetune" : "train"));
  std::map<std::string, std::string> text;
  for (const auto& [name, value] : preset.settings)
    if (options.given.count(name) == 0) text[name] = value;
  options_from_text(text, options);
  return options;
}

std::string preset_line(const TrainOptions& options) {
  TrainOptions unchanged = options;
  unchanged.given.clear();
  const std::map<std::string, std::string> now = options_to_text(options), preset = options_to_text(with_preset(unchanged));
  std::string line;
  for (const auto& [name, value] : preset_of(options.preset).settings)
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ", name,
                        now.at(name) == preset.at(name) ? value : fmt::format("{} (instead of {})", now.at(name), value));
  return line;
}

}  // namespace mode
