#pragma once
// The options of a training run. One table declares each of them: name, type, range, group and help. The command line, --help, the checks
// and the text in a run's state are generated from it.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mode/training/objective.h"
#include "nn/data/resize.h"
#include "nn/schedule.h"
#include "tensor/check.h"

namespace mode {

/// An option, or a combination of options, that makes no sense. The command line exits with status 2.
class OptionError : public tensor::Error {
 public:
  explicit OptionError(const std::string& message) : tensor::Error(message) {}
};

enum class AlpaUse { off, joint };

/// Members are named like their options: --weight-decay sets weight_decay. Units, ranges and meanings: train_options() and `mode train
/// --help`.
struct TrainOptions {
  std::string data = "", out = "", preset = "", from = "";
  std::string arch = "resnet18";
  int64_t epochs = 100, batch = 128;
  uint64_t seed = 1;
  nn::Shortcut shortcut = nn::Shortcut::standard;
  nn::Stem stem = nn::Stem::cifar;
  // learning rate
  double lr = 0.1;
  nn::Schedule::Kind schedule = nn::Schedule::Kind::cosine;
  double final_ratio = 1e-3;
  std::vector<int64_t> milestones = {};
  double gamma = 0.1;
  int64_t warmup_epochs = 0;
  double warmup_start = 0.01;
  // optimizer
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 5e-4;
  bool no_decay_norm_bias = false;
  double clip = 0;
  // objective
  BaseLoss loss = BaseLoss::cross_entropy;
  double label_smoothing = 0;
  double temperature = 0.1, loss_scale = 1;
  int64_t views = 0;
  AlpaUse alpa = AlpaUse::off;
  double alpa_weight = 1, alpa_temperature = 0.1;  ///< lambda; 1 / t of mode/README.md, eq. (5)
  AlpaAggregate alpa_aggregate = AlpaAggregate::mean;
  int64_t alpa_grid = 4;
  bool alpa_labels = false, alpa_by_image = false;
  // images
  int64_t size = 32;
  nn::Crop crop = nn::Crop::squash;
  int64_t short_side = 0, read_size = 0;
  std::string augment = "crop-flip";
  std::vector<double> mean = {}, std = {};
  // validation
  double val_fraction = 0.02;
  std::optional<uint64_t> val_seed = {};
  int64_t patience = 0;
  std::string monitor = "";
  // running
  std::string save_every = "";
  bool resume = false;
  std::string device = "cpu";
  int64_t threads = 0, workers = 0;

  // No options:
  std::string made_by = "train";     ///< the command: "train", "finetune" or "demo"; a demo may replace an earlier demo
  std::set<std::string> given = {};  ///< names of options set by the user: presets keep them, and a resumed run must agree with them
};

/// A row of the table. `set` parses and checks one value; it throws OptionError "--lr 0: expected a finite number > 0".
struct TrainOption {
  std::string name;          ///< "weight-decay"
  std::string group;         ///< heading in --help
  std::string help;          ///< noun phrase, with unit and range
  std::string type;          ///< in --help: "FLOAT", "INT", "TEXT"; empty: a flag
  int64_t values = 1;        ///< words on the command line; -1: any number
  bool recorded = true;      ///< part of a run's state: it decides the result (save-every does not, and is recorded)
  std::string earlier = "";  ///< name in earlier versions: read from states, and a hidden flag
  std::function<std::string(const TrainOptions&)> text;             ///< the current value
  std::function<void(TrainOptions&, const std::string& text)> set;  ///< from such a text
};
/// Every option of a training run, in the order of --help.
const std::vector<TrainOption>& train_options();

/// The recorded options as text by name ("lr" -> "0.1").
std::map<std::string, std::string> options_to_text(const TrainOptions& options);
/// Sets options from text by name, also by names of earlier versions; missing ones keep their value. Invalid text is an OptionError.
void options_from_text(const std::map<std::string, std::string>& text, TrainOptions& options);
/// Checks the options against each other. The OptionError names the flags.
void check_options(const TrainOptions& options);

/// The validation split's seed: val_seed, or seed where there is none.
uint64_t val_seed_of(const TrainOptions& options);
/// The framing of the network's input.
nn::Framing framing_of(const TrainOptions& options);
/// Views of each image in a batch: views, or where that is 0, 2 for supcon and simclr and 1 for other losses.
int64_t views_of(const TrainOptions& options);
/// The objective that a run of these options minimizes.
ObjectiveOptions objective_of(const TrainOptions& options);

/// --save-every: "500" (steps) or "10m" (minutes); both 0 for "".
struct SaveEvery {
  int64_t steps = 0;
  double minutes = 0;
};
SaveEvery parse_save_every(const std::string& text);

/// "cifar10-ce", "quick" ...
std::vector<std::string> known_presets();
/// One line per preset: name, purpose, options.
std::string describe_presets();
/// The options with those of options.preset, except for options in `given`. An unknown preset is an OptionError that lists the known ones.
TrainOptions with_preset(TrainOptions options);
/// "arch resnet18, batch 64 (instead of 512), ...": the preset's options and their changes.
std::string preset_line(const TrainOptions& options);

}  // namespace mode
