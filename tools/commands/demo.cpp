#include "tools/commands/commands.h"

#include "nn/data/dataset.h"
#include "tools/commands/common.h"
#include "tools/commands/progress.h"

namespace mode::tools {

int run_demo(const DemoOptions& options) {
  device_of(options.device);  // fails before anything is printed
  const Progress clock("demo", 0, "");
  const std::string train_set = fmt::format("synthetic:shapes?split=train&seed={}", options.seed);
  const std::string test_set = fmt::format("synthetic:shapes?split=test&seed={}", options.seed);

  fmt::print("1. Training: a small network ({}) learns to classify synthetic shapes, the images of {}.\n\n", options.arch, train_set);
  TrainOptions train;
  train.data = train_set;
  train.monitor = test_set;
  train.arch = options.arch;
  train.out = options.out;
  train.epochs = options.epochs;
  train.batch = 64;
  train.seed = options.seed;
  train.val_fraction = 0;  // no epoch is selected: the network of the last epoch is evaluated
  train.device = options.device;
  train.threads = options.threads;
  train.made_by = "demo";  // may replace an earlier demo
  const int status = run_train(train);
  if (status != 0) return status;

  fmt::print(
      "\n2. Detection: five methods score the test images of these shapes (in-distribution) and five sets of other images\n"
      "   (out-of-distribution). FPR95: share of the OOD images accepted when 95 % of the ID images are (lower is better).\n"
      "   AUROC: probability that an ID image scores above an OOD image (50 % is chance).\n\n");
  EvalOptions eval;
  eval.model = options.out + "/model.safetensors";
  eval.id = train_set;
  eval.id_test = test_set;
  for (const std::string& name : nn::synthetic_ood_sets())
    eval.ood.push_back(fmt::format("{}=synthetic:{}?seed={}", name, name, options.seed));
  eval.out = options.out + "/report";
  eval.device = options.device;
  eval.threads = options.threads;
  eval.command_line = options.command_line;
  run_eval(eval);

  fmt::print("\nDone in {}. {} holds the network (model.safetensors), the training log (log.csv) and all scores (report/).\n",
             format_seconds(clock.seconds()), options.out);
  return 0;
}

}  // namespace mode::tools
