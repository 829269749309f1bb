#pragma once
// What a training run is told, the same as text (in its state, on --resume), and presets.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "nn/data/resize.h"

namespace mode::tools {

struct TrainOptions {
  std::string preset;  ///< whose settings stand where the command line has none; "list" prints them
  // what is computed
  std::string data;  ///< labeled training images
  std::string val;   ///< its accuracy is printed after each epoch; may be empty
  std::string arch = "resnet18";
  int64_t epochs = 100;
  int64_t batch = 128;
  uint64_t seed = 1;
  std::string shortcut;        ///< "projection", "a"; empty: what the paper uses for the arch
  std::string stem = "cifar";  ///< or "imagenet"
  // learning rate
  double lr = 0.1;
  std::string schedule = "cosine";  ///< or "step", "constant"
  double final_ratio = 1e-3;        ///< of cosine
  std::vector<int64_t> milestones;  ///< of step: in epochs
  double gamma = 0.1;               ///< of step
  int64_t warmup_epochs = 0;
  double warmup_start = 0.01;
  // step
  double weight_decay = 5e-4, momentum = 0.9;
  bool nesterov = false;
  bool no_decay_norm_bias = false;
  double clip = 0;  ///< norm of all gradients; 0: never
  double label_smoothing = 0;
  // objective
  std::string loss = "ce";              ///< "supcon", "simclr"; "none": ALPA alone (mode finetune)
  std::string alpa = "off";             ///< "joint": beside the loss (MODE-T), or alone where that is none (MODE-F)
  int64_t views = 0;                    ///< of each image in a batch; 0: 2 for supcon and simclr, else 1
  double temperature = 0.1;             ///< of supcon and simclr
  double loss_scale = 1;                ///< of supcon and simclr; the published code's is 0.1 / 0.07
  double alpa_weight = 1;               ///< lambda
  double alpa_temperature = 0.1;        ///< 1 / t of mode/README.md, eq. (5)
  std::string alpa_aggregate = "mean";  ///< over an image's regions: "max", "sum", "logsum"
  int64_t alpa_grid = 4;
  bool alpa_labels = false;    ///< under simclr: positives by label; under the others they always are
  bool alpa_by_image = false;  ///< of ALPA alone: positives as simclr has them (mode finetune after simclr)
  std::string from;            ///< weights to begin with (mode finetune)
  // images
  int64_t size = 32;            ///< edge of the network's input
  std::string crop = "squash";  ///< or "center"
  int64_t short_side = 0;       ///< of center; 0: size
  int64_t read_size = 0;        ///< edge at which images are read before augmentation; 0: size
  std::string augment = "crop-flip";
  std::vector<double> mean, std;  ///< three each; empty: known for CIFAR, else measured on the training images
  // choice on images that are not trained on
  double holdout = 0.02;
  std::string holdout_seed;  ///< of the choice; empty: seed. A finetuning holds out what the network it begins with never saw
  int64_t patience = 0;      ///< epochs without a better one after which the run ends; 0: never

  // what changes no bit of the result
  std::string save_every;      ///< "500" (steps), "10m" (minutes); empty: after every epoch alone
  std::string device = "cpu";  ///< "cuda", "cuda:N"; on --resume the run's own unless the command line named it
  std::string out;
  int threads = 0;  ///< 0: all
  int workers = 0;  ///< of the loader; 0: as many as threads
  bool resume = false;
  std::string made_by = "train";  ///< the command that begins the run: "demo" replaces an earlier demo's
  std::set<std::string> given;    ///< options that the command line named, as "lr": on --resume they must agree with the run's own
};

/// The options that decide what a run computes, as text by name ("lr" -> "0.1"), and save-every; devices, threads and places are not among
/// them.
std::map<std::string, std::string> options_to_text(const TrainOptions& options);
/// Fills those options from text; what is missing keeps its value. An Error of one line where text makes no sense.
void options_from_text(const std::map<std::string, std::string>& text, TrainOptions& options);
/// holdout_seed, or seed where it is empty.
uint64_t holdout_seed_of(const TrainOptions& options);
/// How images become the network's input.
nn::Framing framing_of(const TrainOptions& options);
/// --views, or what the loss wants where it is 0.
int64_t views_of(const TrainOptions& options);
/// The same check of what belongs together, for the command line: a UsageError names the option.
void check_options(const TrainOptions& options);

/// --save-every taken apart; both 0 for "".
struct SaveEvery {
  int64_t steps = 0;
  double minutes = 0;
};
SaveEvery parse_save_every(const std::string& text);

/// "cifar10-ce", "quick" ...
std::vector<std::string> known_presets();
/// A line for each: name, what it is for, its settings.
std::string describe_presets();
/// The options with the preset's settings where the command line named none. An unknown preset is a UsageError that lists the known ones.
TrainOptions with_preset(TrainOptions options);
/// "arch resnet18, batch 64 (instead of 512), ...": the preset's settings, and what the command line made of them.
std::string preset_line(const TrainOptions& options);

}  // namespace mode::tools
