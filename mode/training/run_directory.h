#pragma once
// A training run's directory: log.csv, model.safetensors (the network for others, after the last epoch), best.safetensors (after the best
// one) and state.safetensors (everything for an exact resume).

#include <limits>
#include <map>
#include <string>

#include "mode/training/meters.h"
#include "mode/training/objective.h"
#include "mode/training/options.h"
#include "nn/checkpoint.h"
#include "nn/sgd.h"

namespace mode::tools {

/// Where a run stands. A resume from it goes on as if nothing had happened: the same images, the same learning rates, the same bits.
struct RunState {
  TrainOptions options;
  nn::Preprocessing preprocessing;
  int64_t epoch = 0;  ///< epochs completed
  int64_t batch = 0;  ///< batches done of the epoch after those
  int64_t step = 0;
  // of the epoch that is under way
  Meters meters;
  int64_t seen = 0;                      ///< images
  double seconds = 0, data_seconds = 0;  ///< data: of those, waited for images
  // on the held-out images; epoch 0: none yet
  int64_t best_epoch = 0;
  double best_accuracy = 0, best_loss = 0;
  std::string isa;            ///< on which the run began
  std::string device_name;    ///< likewise
  std::string data_hash;      ///< of the names and labels of the images it began with
  std::string held_out_hash;  ///< of the ids of the held-out ones
  std::string commit;         ///< that began it
};

/// A row of log.csv. The last three columns are times, and all that two runs of one seed may differ in.
struct EpochRow {
  struct Score {
    double loss = std::numeric_limits<double>::quiet_NaN(), accuracy = std::numeric_limits<double>::quiet_NaN();
  };
  int64_t epoch = 0, step = 0;
  double lr = 0, loss = 0, cross_entropy = 0, contrastive = 0, alpa = 0, gradient_norm = 0, train_accuracy = 0;  ///< NaN: an empty column
  Score held_out, val;                                                                                           ///< NaN: an empty column
  double images_per_second = 0, seconds = 0, data_seconds = 0;
};

class RunDirectory {
 public:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}

  std::string model_path() const { return path_ + "/model.safetensors"; }
  std::string best_path() const { return path_ + "/best.safetensors"; }
  std::string state_path() const { return path_ + "/state.safetensors"; }
  std::string log_path() const { return path_ + "/log.csv"; }

  /// A run stands here that is worth keeping: it has a model, or its state is past step 0.
  bool holds_run() const;
  /// Its state says that a demo began it.
  bool holds_demo() const;

  void save_state(const RunState& state, const nn::ResNet& net, const Objective& objective, const nn::Sgd& sgd) const;
  /// First the state alone (the network is built from it), then the numbers into network and optimizer.
  RunState load_state();
  void restore(nn::ResNet& net, Objective& objective, nn::Sgd& sgd) const;
  /// Of what load_state read: the network's tensors, and those of the objective ("head.*", "alpa.*").
  std::map<std::string, tensor::Tensor> network_tensors() const;
  std::map<std::string, tensor::Tensor> objective_tensors() const;

  /// The log as it stands, up to the last completed epoch, in memory; begin_log starts an empty one.
  void begin_log();
  void load_log(int64_t epochs);
  void append_log(const EpochRow& row);

 private:
  std::string path_, log_;
  nn::TensorFile loaded_;
};

}  // namespace mode::tools
