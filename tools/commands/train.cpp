// mode train and mode finetune: read the options, run the trainer (mode/training/trainer.h), print.
#include "mode/training/trainer.h"

#include <optional>

#include "nn/text.h"
#include "tools/commands/commands.h"
#include "tools/commands/interrupt.h"
#include "tools/commands/progress.h"

namespace mode::tools {

namespace {

/// A trainer's reports and progress on stdout.
class Display {
 public:
  void report(const std::string& text) {
    end_line();
    fmt::print("{}", text);
    std::fflush(stdout);
  }

  void progress(const TrainProgress& now) {
    if (!line_ || epoch_ != now.epoch) line_.emplace(fmt::format("epoch {}/{}", now.epoch, now.epochs), now.total, "images", now.images);
    epoch_ = now.epoch;
    std::string detail = fmt::format("loss {:.3f}", now.loss);
    if (!std::isnan(now.accuracy)) detail += fmt::format(", accuracy {:.1f} %", 100 * now.accuracy);
    line_->update(now.images, detail, now.seconds_left);
  }

  void end_line() {
    if (line_) line_->finish("");
    line_.reset();
  }

 private:
  std::optional<Progress> line_;
  int64_t epoch_ = 0;
};

int train(const TrainOptions& options) {
  std::optional<InterruptGuard> guard;  // none while images are opened: Ctrl-C ends the process at once, and nothing is lost
  Display display;
  const TrainCallbacks callbacks = {.progress = [&](const TrainProgress& now) { display.progress(now); },
                                    .report = [&](const std::string& text) { display.report(text); },
                                    .stop = [&] { return guard && guard->interrupted(); }};
  Trainer trainer = options.resume ? Trainer::resume(options, callbacks) : Trainer(options, callbacks);
  guard.emplace();
  display.report(trainer.description());
  const bool ended = trainer.run();
  const RunState& state = trainer.state();
  const RunDirectory& directory = trainer.directory();
  if (!ended) {
    display.report(fmt::format("interrupted after step {}; the state is saved. Resume with: mode {} --resume --out {}\n", state.step,
                               state.options.made_by == "finetune" ? "finetune" : "train", directory.path()));
    return status_interrupted;
  }
  display.report(fmt::format("weights    {}\nmodel      {}\n", trainer.weights_hash(), directory.model_path()));
  if (state.best_epoch > 0)
    display.report(fmt::format("best       {} (epoch {}, validation accuracy {:.2f} %)\n", directory.best_path(), state.best_epoch,
                               100 * state.best_accuracy));
  return 0;
}

int list_presets() {
  fmt::print("{}", describe_presets());
  return 0;
}

}  // namespace

int run_train(const TrainOptions& options) { return options.preset == "list" ? list_presets() : train(options); }

int run_finetune(const TrainOptions& options) {
  if (options.preset == "list") return list_presets();
  return train(options.resume ? options : finetune_options(options));
}

}  // namespace mode::tools
