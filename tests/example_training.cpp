// Training as a library: a run, its resume, and fine-tuning with ALPA alone (MODE-F). A whole program; its argument is a directory.

#include <fmt/format.h>

#include "mode/training/trainer.h"

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "runs/example";
  const std::string data = "synthetic:shapes?limit=640";
  const mode::TrainCallbacks callbacks = {.report = [](const std::string& text) { fmt::print("{}", text); }};

  const mode::TrainOptions base = {.data = data, .out = folder + "/base", .arch = "resnet8", .epochs = 2, .batch = 64};
  mode::Trainer(base, callbacks).epoch();  // the first of the two epochs

  mode::Trainer trainer = mode::Trainer::resume(base, callbacks);
  trainer.run();
  fmt::print("base weights {}\n", trainer.weights_hash());

  mode::TrainOptions alpa = mode::finetune_defaults();
  alpa.from = trainer.directory().model_path();
  alpa.data = data;
  alpa.out = folder + "/mode-f";
  alpa.epochs = 1;
  mode::Trainer mode_f(mode::finetune_options(alpa), callbacks);
  mode_f.run();
  fmt::print("mode-f weights {}\n", mode_f.weights_hash());
}
