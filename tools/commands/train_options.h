#pragma once
// What a training run is told, the same as text (in its state, on --resume), and presets.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace mode::tools {

struct TrainOptions {
  std::string preset;  ///< whose settings stand where the command line has none; "list" prints them
  // what is computed
  std::string data;  ///< labelled training pictures
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
  // pictures
  int64_t size = 32;            ///< edge of the network's input
  std::string crop = "squash";  ///< or "centre"
  int64_t short_side = 0;       ///< of centre; 0: size
  int64_t read_size = 0;        ///< edge at which pictures are read before augmentation; 0: size
  std::string augment = "crop-flip";
  std::vector<double> mean, std;  ///< three each; empty: known for CIFAR, else measured on the training pictures
  // choice on pictures that are not trained on
  double holdout = 0.02;
  int64_t patience = 0;  ///< epochs without a better one after which the run ends; 0: never

  // what changes no bit of the result
  std::string save_every;      ///< "500" (steps), "10m" (minutes); empty: after every epoch alone
  std::string device = "cpu";  ///< "cuda", "cuda:N"; on --resume the run's own unless the command line named it
  std::string out;
  int threads = 0;  ///< 0: all
  int workers = 1;  ///< of the loader; 0: as many as threads
  bool resume = false;
  std::string made_by = "train";  ///< the command that begins the run: "demo" replaces an earlier demo's
  std::set<std::string> given;    ///< options that the command line named, as "lr": on --resume they must agree with the run's own
};

/// The options that decide what a run computes, as text by name ("lr" -> "0.1"), and save-every; devices, threads and places are not among
/// them.
std::map<std::string, std::string> options_to_text(const TrainOptions& options);
/// Fills those options from text; what is missing keeps its value. An Error of one line where text makes no sense.
void options_from_text(const std::map<std::string, std::string>& text, TrainOptions& options);
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
