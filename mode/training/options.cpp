#include "mode/training/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "nn/data/augment.h"
#include "nn/schedule.h"
#include "nn/text.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

/// The one list of what decides a run: visit(name, field).
template <class Options, class Visit>
void visit_options(Options& o, const Visit& visit) {
  visit("preset", o.preset);
  visit("data", o.data);
  visit("val", o.val);
  visit("arch", o.arch);
  visit("epochs", o.epochs);
  visit("batch", o.batch);
  visit("seed", o.seed);
  visit("shortcut", o.shortcut);
  visit("stem", o.stem);
  visit("lr", o.lr);
  visit("schedule", o.schedule);
  visit("final-ratio", o.final_ratio);
  visit("milestones", o.milestones);
  visit("gamma", o.gamma);
  visit("warmup-epochs", o.warmup_epochs);
  visit("warmup-start", o.warmup_start);
  visit("weight-decay", o.weight_decay);
  visit("momentum", o.momentum);
  visit("nesterov", o.nesterov);
  visit("no-decay-norm-bias", o.no_decay_norm_bias);
  visit("clip", o.clip);
  visit("label-smoothing", o.label_smoothing);
  visit("loss", o.loss);
  visit("alpa", o.alpa);
  visit("views", o.views);
  visit("temperature", o.temperature);
  visit("loss-scale", o.loss_scale);
  visit("alpa-weight", o.alpa_weight);
  visit("alpa-temperature", o.alpa_temperature);
  visit("alpa-aggregate", o.alpa_aggregate);
  visit("alpa-grid", o.alpa_grid);
  visit("alpa-labels", o.alpa_labels);
  visit("alpa-by-image", o.alpa_by_image);
  visit("from", o.from);
  visit("size", o.size);
  visit("crop", o.crop);
  visit("short-side", o.short_side);
  visit("read-size", o.read_size);
  visit("augment", o.augment);
  visit("mean", o.mean);
  visit("std", o.std);
  visit("holdout", o.holdout);
  visit("holdout-seed", o.holdout_seed);
  visit("patience", o.patience);
  visit("save-every", o.save_every);
}

std::string text_of(const std::string& value) { return value; }
std::string text_of(bool value) { return value ? "1" : "0"; }
std::string text_of(int64_t value) { return std::to_string(value); }
std::string text_of(uint64_t value) { return std::to_string(value); }
std::string text_of(double value) { return fmt::format("{:.17g}", value); }
std::string text_of(const std::vector<double>& value) { return join_numbers(value); }
std::string text_of(const std::vector<int64_t>& value) { return nn::joined(value, " "); }

double number(const std::string& key, const std::string& text) {
  const std::vector<double> numbers = split_numbers(text);
  CHECK(numbers.size() == 1 && std::isfinite(numbers[0]), "option {}: '{}' should be one number", key, nn::printable(text));
  return numbers[0];
}
int64_t count(const std::string& key, const std::string& text, double value) {
  CHECK(value >= 0 && value <= 1e9 && value == std::floor(value), "option {}: '{}' should be a count", key, nn::printable(text));
  return static_cast<int64_t>(value);
}

void read(const std::string&, const std::string& text, std::string& value) { value = text; }
void read(const std::string& key, const std::string& text, bool& value) { value = count(key, text, number(key, text)) != 0; }
void read(const std::string& key, const std::string& text, int64_t& value) { value = count(key, text, number(key, text)); }
void read(const std::string&, const std::string& text, uint64_t& value) { value = std::strtoull(text.c_str(), nullptr, 10); }
void read(const std::string& key, const std::string& text, double& value) { value = number(key, text); }
void read(const std::string&, const std::string& text, std::vector<double>& value) { value = split_numbers(text); }
void read(const std::string& key, const std::string& text, std::vector<int64_t>& value) {
  value.clear();
  for (const double item : split_numbers(text)) value.push_back(count(key, text, item));
}

using Settings = std::vector<std::pair<std::string, std::string>>;

struct Preset {
  const char *name, *about;
  Settings settings;
  bool finetunes = false;  ///< belongs to mode finetune, not to mode train
};

/// Where both name a setting, `changes` has the word.
Settings changed(Settings settings, const Settings& changes) {
  for (const auto& change : changes) {
    const auto found = std::find_if(settings.begin(), settings.end(), [&](const auto& setting) { return setting.first == change.first; });
    if (found == settings.end())
      settings.push_back(change);
    else
      found->second = change.second;
  }
  return settings;
}

const std::vector<Preset>& presets() {
  // The published cross-entropy runs of the paper (its backbones marked *); their cosine moved once an epoch, ours moves every step.
  const auto published = [](const std::string& arch, std::vector<std::pair<std::string, std::string>> more) {
    std::vector<std::pair<std::string, std::string>> settings = {
        {"arch", arch},           {"epochs", "500"},       {"batch", "512"},         {"lr", "0.2"},       {"schedule", "cosine"},
        {"final-ratio", "0.001"}, {"warmup-epochs", "10"}, {"warmup-start", "0.01"}, {"momentum", "0.9"}, {"weight-decay", "0.0001"}};
    settings.insert(settings.end(), more.begin(), more.end());
    return settings;
  };
  const Settings supcon = {{"loss", "supcon"}, {"views", "2"}, {"temperature", "0.1"}, {"lr", "0.5"}, {"augment", "contrastive"}};
  // MODE-T and MODE-F as published: batches of 128, so no warm-up.
  const Settings joint = {{"alpa", "joint"}, {"alpa-weight", "1"}, {"batch", "128"}, {"lr", "0.5"}, {"warmup-epochs", "0"}};
  static const std::vector<Preset> all = {
      {"cifar10-ce", "the paper's cross-entropy backbone for CIFAR-10", published("resnet18", {{"augment", "crop-flip"}})},
      {"cifar100-ce", "the same for CIFAR-100", published("resnet34", {{"augment", "crop-flip"}})},
      {"imagenet-ce", "the same settings with ResNet-50, for ImageNet",
       published("resnet50", {{"stem", "imagenet"},
                              {"size", "224"},
                              {"crop", "center"},
                              {"short-side", "256"},
                              {"read-size", "256"},
                              {"augment", "imagenet"}})},
      {"cifar10-supcon", "the paper's contrastive backbone for CIFAR-10", changed(published("resnet18", {}), supcon)},
      {"cifar100-supcon", "the same for CIFAR-100", changed(published("resnet34", {}), supcon)},
      {"cifar10-mode-t", "MODE-T: the contrastive backbone and ALPA at once", changed(changed(published("resnet18", {}), supcon), joint)},
      {"cifar10-mode-t-ce", "MODE-T on cross-entropy", changed(published("resnet18", {{"augment", "crop-flip"}}), joint)},
      {"mode-f",
       "MODE-F, for mode finetune: ALPA alone, from a trained network",
       {{"epochs", "500"},
        {"batch", "128"},
        {"lr", "0.1"},
        {"momentum", "0.9"},
        {"weight-decay", "0.0001"},
        {"views", "2"},
        {"augment", "contrastive"}},
       true},
      {"quick",
       "half an hour on two cores for CIFAR-10, about 85 %",
       {{"arch", "resnet14"}, {"epochs", "12"}, {"batch", "128"}, {"lr", "0.1"}, {"weight-decay", "0.0005"}, {"augment", "crop-flip"}}},
  };
  return all;
}

const Preset& preset_of(const std::string& name) {
  for (const Preset& preset : presets())
    if (preset.name == name) return preset;
  throw UsageError(
      fmt::format("--preset {}: unknown; known: {}; list shows what they set", nn::printable(name), join(known_presets(), ", ")));
}

}  // namespace

std::map<std::string, std::string> options_to_text(const TrainOptions& options) {
  std::map<std::string, std::string> text;
  visit_options(options, [&](const char* name, const auto& field) { text[name] = text_of(field); });
  return text;
}

void options_from_text(const std::map<std::string, std::string>& text, TrainOptions& options) {
  visit_options(options, [&](const char* name, auto& field) {
    const auto found = text.find(name);
    if (found != text.end()) read(name, found->second, field);
  });
  CHECK(options.epochs >= 1 && options.batch >= 1 && options.size >= 1 && options.lr > 0,
        "options of a run: {} epochs, batch {}, size {}, lr {}; all of them are above 0", options.epochs, options.batch, options.size,
        options.lr);
  CHECK(options.temperature > 0 && options.alpa_temperature > 0 && options.loss_scale > 0 && options.alpa_weight > 0 &&
            options.alpa_grid >= 1 && options.momentum >= 0 && options.momentum <= 1 && options.weight_decay >= 0 && options.holdout >= 0 &&
            options.holdout <= 1,
        "options of a run: temperatures {} and {}, weights {} and {}, grid {}, momentum {}, decay {}, hold-out {}; one of them makes no "
        "sense",
        options.temperature, options.alpa_temperature, options.loss_scale, options.alpa_weight, options.alpa_grid, options.momentum,
        options.weight_decay, options.holdout);
}

void check_options(const TrainOptions& o) {
  const auto one_of = [](const char* name, const std::string& value, const std::vector<std::string>& known) {
    if (std::find(known.begin(), known.end(), value) == known.end())
      throw UsageError(fmt::format("--{} {}: expected {}", name, nn::printable(value), join(known, ", ")));
  };
  const auto need = [](bool holds, const std::string& message) {
    if (!holds) throw UsageError(message);
  };
  one_of("schedule", o.schedule, {"cosine", "step", "constant"});
  one_of("crop", o.crop, {"squash", "center"});
  one_of("augment", o.augment, nn::known_augments());
  parse_stem(o.stem);
  parse_shortcut(o.shortcut);
  one_of("loss", o.loss, {"ce", "supcon", "simclr", "none"});
  one_of("alpa", o.alpa, {"off", "joint"});
  one_of("alpa-aggregate", o.alpa_aggregate, {"mean", "max", "sum", "logsum"});
  need(o.loss != "none" || o.alpa != "off", "--loss none needs --alpa joint: without both nothing is learned");
  need(o.loss != "simclr" || views_of(o) >= 2,
       fmt::format("--views {}: simclr compares views of an image; at least 2 are needed", o.views));
  need(!o.alpa_by_image || views_of(o) >= 2,
       fmt::format("--views {}: after simclr ALPA's positives are other views of an image, at least 2; or take --alpa-labels", o.views));
  need(views_of(o) == 1 || o.augment != "none", "--views without an --augment would show the same image again");
  need(o.patience == 0 || o.loss == "ce", fmt::format("--patience waits for a better classifier, and --loss {} trains none", o.loss));
  need(o.label_smoothing == 0 || o.loss == "ce", fmt::format("--label-smoothing belongs to --loss ce, not to {}", o.loss));
  need(o.schedule != "step" || !o.milestones.empty(), "--schedule step needs --milestones, for example --milestones 100,150 (epochs)");
  need(o.schedule == "step" || o.milestones.empty(), fmt::format("--milestones belong to --schedule step, not to {}", o.schedule));
  need(std::is_sorted(o.milestones.begin(), o.milestones.end()) && (o.milestones.empty() || o.milestones.front() >= 1),
       fmt::format("--milestones {}: expected epochs that rise", nn::joined(o.milestones, ",")));
  need(o.warmup_epochs <= o.epochs, fmt::format("--warmup-epochs {} of --epochs {}", o.warmup_epochs, o.epochs));
  need(!o.nesterov || o.momentum > 0, "--nesterov needs a --momentum above 0");
  need(o.momentum < 1, "--momentum 1 never forgets a gradient; expected a number below 1");
  need(o.crop == "center" || o.short_side == 0, "--short-side belongs to --crop center");
  need(o.short_side == 0 || o.short_side >= o.size, fmt::format("--short-side {} is less than --size {}", o.short_side, o.size));
  need(o.read_size == 0 || o.read_size >= o.size, fmt::format("--read-size {} is less than --size {}", o.read_size, o.size));
  need(o.milestones.empty() || o.milestones.back() < o.epochs,
       fmt::format("--milestones {}: the run ends after {} epochs", nn::joined(o.milestones, ","), o.epochs));
  need(o.val.empty() || o.loss == "ce", fmt::format("--val scores a classifier, and --loss {} trains none; mode probe does", o.loss));
  for (const char* name : {"temperature", "loss-scale"})
    need(o.given.count(name) == 0 || o.loss == "supcon" || o.loss == "simclr",
         fmt::format("--{} belongs to --loss supcon and simclr", name));
  for (const char* name : {"alpa-weight", "alpa-temperature", "alpa-aggregate", "alpa-grid", "alpa-labels"})
    need(o.given.count(name) == 0 || o.alpa != "off", fmt::format("--{} belongs to --alpa joint", name));
  need(o.read_size == 0 || o.augment != "none", "--read-size needs an --augment that makes images of --size out of larger ones");
  need(o.holdout < 1, "--holdout 1 leaves nothing to train on");
  need((o.loss == "ce" && o.alpa == "off") || o.batch * views_of(o) >= 3,
       fmt::format("--batch {} of {}: contrastive losses and ALPA compare images, and need three in a batch to learn anything; take a "
                   "larger one",
                   o.batch, views_of(o) == 1 ? "one view" : fmt::format("{} views", views_of(o))));
  need(o.patience == 0 || o.holdout > 0, "--patience needs held-out images to wait for; give --holdout a share above 0");
  parse_save_every(o.save_every);
}

uint64_t holdout_seed_of(const TrainOptions& o) {
  return o.holdout_seed.empty() ? o.seed : std::strtoull(o.holdout_seed.c_str(), nullptr, 10);
}

nn::Framing framing_of(const TrainOptions& o) { return {o.size, o.crop == "center" ? nn::Crop::center : nn::Crop::squash, o.short_side}; }

int64_t views_of(const TrainOptions& o) { return o.views > 0 ? o.views : o.loss == "supcon" || o.loss == "simclr" ? 2 : 1; }

SaveEvery parse_save_every(const std::string& text) {
  SaveEvery every;
  if (text.empty()) return every;
  const bool minutes = text.back() == 'm';
  const char* const end = text.data() + text.size() - (minutes ? 1 : 0);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  const bool whole = value == std::floor(value) && value <= 1e9;
  if (error != std::errc() || stop != end || !(value > 0) || !std::isfinite(value) || (!minutes && !whole))
    throw UsageError(
        fmt::format("--save-every {}: expected a number of steps, or of minutes with an m behind it: 500, 10m", nn::printable(text)));
  if (minutes)
    every.minutes = value;
  else
    every.steps = static_cast<int64_t>(value);
  return every;
}

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
  const bool finetunes = options.made_by == "finetune";
  if (preset_of(options.preset).finetunes != finetunes)
    throw UsageError(fmt::format("--preset {} belongs to mode {}", options.preset, finetunes ? "train" : "finetune"));
  std::map<std::string, std::string> text;
  for (const auto& [name, value] : preset_of(options.preset).settings)
    if (options.given.count(name) == 0) text[name] = value;
  options_from_text(text, options);
  return options;
}

std::string preset_line(const TrainOptions& options) {
  TrainOptions own = options;
  own.given.clear();
  const std::map<std::string, std::string> now = options_to_text(options), set = options_to_text(with_preset(own));
  std::string line;
  for (const auto& [name, value] : preset_of(options.preset).settings)
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ", name,
                        now.at(name) == set.at(name) ? value : fmt::format("{} (instead of {})", now.at(name), value));
  return line;
}

}  // namespace mode::tools
