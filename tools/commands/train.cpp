#include "tools/commands/commands.h"

#include <filesystem>
#include <optional>

#include "mode/training/run_lock.h"
#include "mode/training/trainer.h"
#include "mode/version.h"
#include "nn/files.h"
#include "tensor/isa.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

/// The state of the run in `directory`, which the command line must not contradict. What differs and may change bits is said.
RunState state_to_resume(const TrainOptions& options, RunDirectory& directory) {
  RunState state = directory.load_state();
  const std::map<std::string, std::string> now = options_to_text(options), run = options_to_text(state.options);
  for (const auto& [name, value] : run)
    if (options.given.count(name) != 0 && name != "save-every" && now.at(name) != value)
      throw UsageError(
          fmt::format("--{} {} differs from the run's own '{}' in {}; leave it out to resume, or start a new run in another --out", name,
                      now.at(name), value, options.out));
  // A demo's run is one of mode train's.
  const auto command_of = [](const TrainOptions& of) { return of.made_by == "finetune" ? "finetune" : "train"; };
  if (std::string(command_of(options)) != command_of(state.options))
    throw UsageError(fmt::format("the run in {0} was begun by mode {1}: go on with it by mode {1} --resume --out {0}", options.out,
                                 command_of(state.options)));
  try {
    check_options(state.options);
  } catch (const UsageError& error) {
    throw tensor::Error(fmt::format("{}: {}", directory.state_path(), error.what()));
  }
  state.options.out = options.out;
  state.options.workers = options.workers;
  if (options.given.count("save-every") != 0) state.options.save_every = options.save_every;
  if (options.given.count("device") != 0) state.options.device = options.device;
  const std::string device = name_of(device_of(state.options.device));
  const std::string commit(mode::commit()), isa(tensor::name(tensor::isa()));
  const auto note = [](const std::string& began, const std::string& here, const char* how) {
    if (began != here) fmt::print("note: the run began {0} {1}, here it goes on {0} {2}: the last bits may differ\n", how, began, here);
  };
  note(state.isa, isa, "with");
  note(state.device_name, device, "on");
  note(state.commit, commit, "with commit");
  return state;
}

int resume(const TrainOptions& options, RunDirectory directory) {
  CHECK(std::filesystem::exists(directory.state_path()), "nothing to resume: {} does not exist; train without --resume first",
        directory.state_path());
  const RunLock lock(options.out);
  nn::remove_unfinished(options.out);
  RunState state = state_to_resume(options, directory);
  ensure_writable_directory(options.out);
  directory.load_log(state.epoch);
  const tensor::Device device = device_of(state.options.device);
  Training training(std::move(state), std::move(directory), device);
  training.restore();
  training.print_head();
  return training.run();
}

}  // namespace

int run_train(const TrainOptions& command_line) {
  if (command_line.preset == "list") {
    fmt::print("{}", describe_presets());
    return 0;
  }
  if (command_line.out.empty()) throw UsageError("--out DIR is needed");
  use_threads(command_line.threads);
  const RunDirectory directory(command_line.out);
  if (command_line.resume) return resume(command_line, directory);
  if (command_line.data.empty()) throw UsageError("--data SPEC is needed, for example --data cifar10:DIR");
  const TrainOptions options = with_preset(command_line);
  check_options(options);

  std::optional<RunLock> lock;
  if (std::filesystem::is_directory(options.out)) lock.emplace(options.out);
  const bool earlier_demo = options.made_by == "demo" && directory.holds_demo();
  CHECK(earlier_demo || options.made_by != "demo" || !directory.holds_run(),
        "{} holds a run that no demo made; a demo replaces only another demo: choose another --out", options.out);
  CHECK(earlier_demo || !directory.holds_run(), "{} already holds a run; go on with it by --resume, or choose another --out", options.out);
  RunState state;
  state.options = options;
  Training training(std::move(state), directory, device_of(options.device));
  ensure_writable_directory(options.out);
  if (!lock) lock.emplace(options.out);
  CHECK(earlier_demo || !directory.holds_run(), "another process has just begun a run in {}; choose another --out", options.out);
  nn::remove_unfinished(options.out);
  training.start_afresh();
  training.print_head();
  return training.run();
}

}  // namespace mode::tools
