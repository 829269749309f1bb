#pragma once
// A training run's directory: log.csv, model.safetensors (the network for others) and state.safetensors (everything for an exact resume).

#include <map>
#include <string>

#include "nn/checkpoint.h"
#include "nn/sgd.h"
#include "tools/commands/train.h"

namespace mode::tools {

/// Where a run stands. A resume from it goes on as if nothing had happened: the same pictures, the same learning rates, the same bits.
struct RunState {
  TrainOptions options;
  nn::Preprocessing preprocessing;
  int64_t epoch = 0;  ///< epochs completed
  int64_t batch = 0;  ///< batches done of the epoch after those
  int64_t step = 0;
  // of the epoch that is under way
  double loss_sum = 0;  ///< over pictures
  int64_t right = 0, seen = 0;
  double seconds = 0;
  std::string isa;          ///< on which the run began
  std::string device_name;  ///< likewise
  std::string data_hash;    ///< of the names and labels of the pictures it began with
};

class RunDirectory {
 public:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}

  std::string model_path() const { return path_ + "/model.safetensors"; }
  std::string state_path() const { return path_ + "/state.safetensors"; }
  std::string log_path() const { return path_ + "/log.csv"; }

  /// A run stands here that is worth keeping: it has a model, or its state is past step 0.
  bool holds_run() const;
  /// Its state says that a demo began it.
  bool holds_demo() const;

  void save_state(const RunState& state, const nn::ResNet& net, const nn::Sgd& sgd) const;
  /// First the state alone (the network is built from it), then the numbers into network and optimiser.
  RunState load_state();
  void restore(nn::ResNet& net, nn::Sgd& sgd) const;

  /// The log as it stands, up to the last completed epoch, in memory; begin_log starts an empty one.
  void begin_log();
  void load_log(int64_t epochs);
  void append_log(const std::string& row);

 private:
  std::string path_, log_;
  nn::TensorFile loaded_;
};

/// The options that decide what a run computes, as text by name ("lr" -> "0.1"); threads and places of output are not among them.
std::map<std::string, std::string> options_to_text(const TrainOptions& options);
/// Fills those options from text; what is missing keeps its value.
void options_from_text(const std::map<std::string, std::string>& text, TrainOptions& options);

}  // namespace mode::tools
