#pragma once
// A training run: network, images, optimizer and the loop over epochs. Where it stands is a RunState; what it leaves is a RunDirectory.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "mode/training/objective.h"
#include "mode/training/run_directory.h"
#include "nn/data/loader.h"
#include "nn/schedule.h"
#include "tools/commands/interrupt.h"

namespace mode::tools {

/// What two runs on the same images agree in: which there are, in which order, with which labels of which meaning.
std::string hash_of(const nn::Dataset& images);
/// What a run of these options minimizes.
ObjectiveOptions objective_of(const TrainOptions& options);

class Training {
 public:
  Training(RunState state, RunDirectory directory, tensor::Device device);

  void restore() { directory_.restore(*net_, *objective_, *sgd_); }
  void start_afresh();  ///< empty log, state at step 0: whether the place can be written is known before any work
  void print_head() const;
  int run();  ///< the exit status

 private:
  void open_images();
  void build();
  void begin_with(const std::string& path);     ///< weights of another network, and its loss's head where its run and this one have one
  bool run_epoch(const InterruptGuard& guard);  ///< false: interrupted, and saved
  double step(const nn::Batch& batch);          ///< returns the learning rate
  bool save_is_due() const;
  void check_weights() const;
  void save();
  void finish_epoch(double lr);
  EpochRow::Score evaluate(const nn::Dataset& images);
  bool out_of_patience() const;
  void save_model(const std::string& path) const;
  // training_report.cpp
  void print_epoch(const EpochRow& row, bool better) const;
  std::string schedule_text() const;
  std::string objective_text() const;
  std::string terms_text(const EpochRow& row) const;

  RunState state_;
  RunDirectory directory_;
  tensor::Device device_;
  std::shared_ptr<const nn::Dataset> all_, data_, held_out_,
      val_;  ///< data_: what is trained on; held_out_, val_: null where there are none
  std::vector<int64_t> held_out_ids_;
  std::unique_ptr<nn::ResNet> net_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<nn::Sgd> sgd_;
  nn::Schedule schedule_;
  SaveEvery save_every_;
  std::chrono::steady_clock::time_point last_save_ = std::chrono::steady_clock::now();
};

}  // namespace mode::tools
