#pragma once
// The files of a training run: log.csv, model.safetensors (the network after the last epoch), best.safetensors (after the best epoch) and
// state.safetensors (the complete state, for an exact resume).

#include <limits>
#include <map>
#include <string>

#include "mode/training/meters.h"
#include "mode/training/objective.h"
#include "mode/training/options.h"
#include "nn/checkpoint.h"
#include "nn/sgd.h"

namespace mode {

/// Everything of a run except its tensors. A resumed run uses the same images, learning rates and bits as an uninterrupted one.
struct RunState {
  TrainOptions options;
  nn::Preprocessing preprocessing;
  int64_t epoch = 0;  ///< completed epochs
  int64_t batch = 0;  ///< completed batches of the current epoch
  int64_t step = 0;   ///< completed steps of the run
  // the current epoch
  Meters meters;
  int64_t seen = 0;                      ///< images
  double seconds = 0, data_seconds = 0;  ///< in all, and of these waiting for images
  // the best epoch on the validation split; 0: none yet
  int64_t best_epoch = 0;
  double best_accuracy = 0, best_loss = 0;
  // where the run began
  std::string isa, device_name, commit;
  std::string data_hash;  ///< of the names, sizes and labels of the images
  std::string val_hash;   ///< of the indices of the validation split
};

/// A row of log.csv. NaN: an empty column. Two runs of one seed differ in the last three columns only, which are times.
struct EpochRow {
  struct Score {
    double loss = std::numeric_limits<double>::quiet_NaN(), accuracy = std::numeric_limits<double>::quiet_NaN();
  };
  int64_t epoch = 0, step = 0;
  double lr = 0, loss = 0, cross_entropy = 0, contrastive = 0, alpa = 0, gradient_norm = 0, train_accuracy = 0;
  Score validation, monitor;
  double images_per_second = 0, seconds = 0, data_seconds = 0;
};

class RunDirectory {
 public:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string model_path() const { return path_ + "/model.safetensors"; }
  std::string best_path() const { return path_ + "/best.safetensors"; }
  std::string state_path() const { return path_ + "/state.safetensors"; }
  std::string log_path() const { return path_ + "/log.csv"; }

  /// True for a directory with a model, or with a state after step 0.
  bool holds_run() const;
  /// True for the run of a demo.
  bool holds_demo() const;

  void save_state(const RunState& state, const nn::ResNet& net, const Objective& objective, const nn::Sgd& sgd) const;
  /// Reads the state file. A missing, damaged or foreign file is an Error of one line. The network is built from the result; `restore` then
  /// fills its tensors.
  RunState load_state();
  void restore(nn::ResNet& net, Objective& objective, nn::Sgd& sgd) const;
  /// Tensors of the loaded state: of the network, and of the objective ("head.*", "alpa.*").
  std::map<std::string, tensor::Tensor> network_tensors() const;
  std::map<std::string, tensor::Tensor> objective_tensors() const;

  /// Starts an empty log, or loads the first `epochs` rows of the file; then append_log writes the whole log after each epoch.
  void begin_log();
  void load_log(int64_t epochs);
  void append_log(const EpochRow& row);

 private:
  std::string path_, log_;
  nn::TensorFile loaded_;
};

/// Creates the directory where it is missing and checks, before any work, that files can be written there.
void ensure_writable_directory(const std::string& directory);

}  // namespace mode
