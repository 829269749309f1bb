#include "tools/commands/commands.h"

#include "nn/data/synthetic.h"
#include "tools/commands/common.h"
#include "tools/commands/progress.h"

namespace mode::tools {

int run_demo(const DemoOptions& options) {
  device_of(options.device);  // before anything is printed
  const Progress clock("demo", 0, "");
  const std::string train_set = fmt::format("synthetic:shapes?split=train&seed={}", options.seed);
  const std::string test_set = fmt::format("synthetic:shapes?split=test&seed={}", options.seed);

  fmt::print("1. A small network ({}) learns to tell drawn shapes apart: images of {}.\n\n", options.arch, train_set);
  TrainOptions train;
  train.data = train_set;
  train.val = test_set;
  train.arch = options.arch;
  train.out = options.out;
  train.epochs = options.epochs;
  train.batch = 64;
  train.seed = options.seed;
  train.holdout = 0;  // nothing is chosen here: all images are trained on, and the last network is shown
  train.device = options.device;
  train.threads = options.threads;
  train.made_by = "demo";  // it alone may replace what a demo left there
  const int status = run_train(train);
  if (status != 0) return status;

  fmt::print(
      "\n2. Which of these images are none of the shapes it knows? Five methods score the test images of those shapes and five sets\n"
      "   of other images. FPR95: share of the others taken for known when 95 % of the known ones are kept (less is better);\n"
      "   AUROC: chance that a known image scores above another one (50 % is guessing).\n\n");
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

  fmt::print("\nDone in {}. In {}: the network (model.safetensors), how it learned (log.csv), every score (report/).\n",
             format_seconds(clock.seconds()), options.out);
  return 0;
}

}  // namespace mode::tools
