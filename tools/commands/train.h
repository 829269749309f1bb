#pragma once
// mode train: a ResNet learns to classify a labelled data set.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace mode::tools {

struct TrainOptions {
  std::string data;  ///< labelled training pictures
  std::string val;   ///< its accuracy is printed after each epoch; may be empty
  std::string arch = "resnet18";
  std::string out;
  int64_t epochs = 100;
  int64_t batch = 128;
  double lr = 0.1, weight_decay = 5e-4, momentum = 0.9;
  bool nesterov = false;
  int64_t warmup_epochs = 0;
  uint64_t seed = 1;
  std::string shortcut;        ///< "projection", "a"; empty: what the paper uses for the arch
  std::string stem = "cifar";  ///< or "imagenet"
  int64_t size = 32;           ///< edge of the network's input
  bool augment = true;
  std::vector<double> mean, std;  ///< three each; empty: known for CIFAR, else measured on the training pictures
  std::string device = "cpu";     ///< "cuda", "cuda:N"; on --resume the run's own unless the command line named it
  int threads = 0;                ///< 0: all
  bool resume = false;
  std::string made_by = "train";  ///< the command that begins the run: "demo" replaces an earlier demo's
  std::set<std::string> given;    ///< options that the command line named, as "--lr": on --resume they must agree with the run's own
};

/// Returns the exit status: 0, or 130 when it was interrupted and saved what it had.
int run_train(const TrainOptions& options);

}  // namespace mode::tools
