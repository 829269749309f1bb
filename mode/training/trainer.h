#pragma once
// Training as a library: a network, its images, the optimizer and the loop over epochs, in a directory from which it can be resumed.
//
//   mode::TrainOptions options;
//   options.data = "cifar10:DIR";
//   options.out = "runs/base";
//   mode::Trainer(options).run();

#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "mode/training/run_directory.h"
#include "mode/training/run_lock.h"
#include "nn/data/loader.h"
#include "nn/schedule.h"

namespace mode {

/// Progress within an epoch.
struct TrainProgress {
  int64_t epoch = 0, epochs = 0;                                                                                ///< epoch counts from 1
  int64_t images = 0, total = 0;                                                                                ///< of this epoch
  double loss = std::numeric_limits<double>::quiet_NaN(), accuracy = std::numeric_limits<double>::quiet_NaN();  ///< means over the epoch
  double seconds_left = -1;  ///< of the run; < 0: unknown
};

/// Functions the trainer calls; all may be empty.
struct TrainCallbacks {
  std::function<void(const TrainProgress&)> progress = {};   ///< before the first step of an epoch and after each step
  std::function<void(const std::string& text)> report = {};  ///< whole lines: results of each epoch, notes
  std::function<bool()> stop = {};                           ///< true: the trainer saves after the current step and returns
};

class Trainer {
 public:
  /// A new run in options.out. Reads the images, builds the network (from options.from where it is set) and writes a first state. Applies
  /// options.preset and options.threads. Errors: options without meaning (OptionError), unusable images, a directory that holds another run,
  /// is in use by another process or cannot be written.
  explicit Trainer(const TrainOptions& options, TrainCallbacks callbacks = {});
  /// The run in options.out, continued from its state with its own options. Options in options.given must agree with them (OptionError),
  /// except device and save_every, which may change as may threads and workers. Images that changed are an Error.
  static Trainer resume(const TrainOptions& options, TrainCallbacks callbacks = {});
  Trainer(const Trainer&) = delete;

  /// Trains the remaining epochs. Returns false if callbacks.stop ended it; the run can then be resumed.
  bool run();
  /// Trains the rest of the current epoch, evaluates, and writes model, log and state. Returns false if callbacks.stop ended it.
  bool epoch();
  /// One update. Returns the loss. A loss or gradient that is not finite is an Error; the files of the run stay unchanged.
  double step(const nn::Batch& batch);
  /// Mean cross-entropy and accuracy of the classifier on a labeled dataset of the run's classes.
  EpochRow::Score evaluate(const nn::Dataset& images);
  /// Writes the state.
  void save();

  /// True after the last epoch, or after `patience` epochs without improvement.
  bool finished() const;
  const RunState& state() const { return state_; }
  const RunDirectory& directory() const { return directory_; }
  nn::ResNet& network() { return *net_; }
  /// Hash of the network's weights: equal for equal bits.
  std::string weights_hash() const;
  /// The run's options, images, objective, schedule and layers, as text.
  std::string description() const;

 private:
  Trainer(std::unique_ptr<RunLock> lock, RunState state, RunDirectory directory, TrainCallbacks callbacks);  // of resume
  void open_images();
  void build();
  void load_base(const std::string& path);
  void start();
  bool stop_requested() const { return callbacks_.stop && callbacks_.stop(); }
  bool save_is_due() const;
  void check_weights() const;
  void finish_epoch();
  void save_model(const std::string& path) const;
  // trainer_report.cpp
  void report(const std::string& text) const;
  void report_progress(double seconds, int64_t seen_before) const;
  void report_epoch(const EpochRow& row, bool is_best) const;
  std::string schedule_text() const;
  std::string objective_text() const;
  std::string terms_text(const EpochRow& row) const;

  RunState state_;
  RunDirectory directory_;
  TrainCallbacks callbacks_;
  std::unique_ptr<RunLock> lock_;
  tensor::Device device_;
  std::shared_ptr<const nn::Dataset> all_;                   // images of --data at the network's input size
  std::shared_ptr<const nn::Dataset> training_;              // without the validation split, at the size before augmentation
  std::shared_ptr<const nn::Dataset> validation_, monitor_;  // null: none
  std::vector<int64_t> validation_ids_;
  std::unique_ptr<nn::ResNet> net_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<nn::Sgd> sgd_;
  nn::Schedule schedule_;
  std::chrono::steady_clock::time_point last_save_ = std::chrono::steady_clock::now();
};

/// Options of a fine-tuning with ALPA alone (MODE-F): the defaults, then, from the network in options.from, its architecture, input,
/// normalization and validation split. Views and augmentation follow the base loss unless they are in options.given.
TrainOptions finetune_defaults();
TrainOptions finetune_options(TrainOptions options);

/// Hash of a dataset's image names, file sizes (or pixels), labels and class names.
std::string hash_of(const nn::Dataset& images);

}  // namespace mode
