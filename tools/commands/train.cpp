#include "tools/commands/train.h"

#include <cmath>
#include <filesystem>

#include "mode/version.h"
#include "nn/data/loader.h"
#include "nn/losses.h"
#include "nn/schedule.h"
#include "tensor/isa.h"
#include "tensor/ops/elementwise.h"
#include "tools/commands/common.h"
#include "tools/commands/interrupt.h"
#include "tools/commands/progress.h"
#include "tools/commands/run_directory.h"
#include "tools/commands/statistics.h"

namespace mode::tools {

namespace {

constexpr int status_interrupted = 130;  // what a shell reports for Ctrl-C

/// Everything that lives as long as the run.
class Training {
 public:
  Training(RunState state, RunDirectory directory, tensor::Device device);

  void restore() { directory_.restore(*net_, *sgd_); }
  void start_afresh();  ///< empty log, state at step 0: whether the place can be written is known before any work
  void print_head() const;
  int run();

 private:
  bool run_epoch(const InterruptGuard& guard);  ///< false: interrupted, and saved
  void check_weights(double lr) const;
  void finish_epoch(double lr);
  double validate();
  void save_model() const;

  RunState state_;
  RunDirectory directory_;
  tensor::Device device_;
  std::unique_ptr<nn::Dataset> data_, val_;
  std::unique_ptr<nn::ResNet> net_;
  std::unique_ptr<nn::Sgd> sgd_;
  nn::Schedule schedule_;
};

/// BatchNorm has no variance of one value: better said now than at the end of an epoch.
void check_last_batch(const nn::ResNet& net, const TrainOptions& options, int64_t pictures) {
  if ((pictures - 1) % options.batch + 1 != 1) return;
  for (const nn::LayerRow& row : net.layer_table(options.size, options.size))
    CHECK(row.output.rank() != 4 || row.output[1] * row.output[2] > 1,
          "{} pictures in batches of {} leave a last one of a single picture, and at --size {} the map behind {} is 1 x 1: BatchNorm needs "
          "two values to learn from; choose another --batch, a larger --size or another number of pictures (limit=N in --data)",
          pictures, options.batch, options.size, row.name);
}

/// What a resumed run must find again: which pictures there are, in which order, with which labels of which meaning.
std::string hash_of(const nn::Dataset& data) {
  nn::TensorFile file;
  tensor::Tensor labels({data.size()}, tensor::Dtype::i64);
  std::string& names = file.metadata["names"];
  for (int64_t index = 0; index < data.size(); ++index) {
    labels.data<int64_t>()[index] = data.label(index);
    names += data.picture_name(index) + "\n";
  }
  file.tensors["labels"] = labels;
  for (const std::string& name : data.class_names()) file.metadata["classes"] += name + "\n";
  return nn::content_hash(file);
}

Training::Training(RunState state, RunDirectory directory, tensor::Device device)
    : state_(std::move(state)), directory_(std::move(directory)), device_(device) {
  const TrainOptions& options = state_.options;
  data_ = nn::open_dataset(options.data, {options.size});
  CHECK(data_->classes() >= 2, "{} has {} classes; a classifier needs labelled pictures of at least two", options.data, data_->classes());
  for (int64_t index = 0; index < data_->size(); ++index)
    CHECK(data_->label(index) >= 0, "{}: {} has no label; training needs one for every picture", options.data, data_->picture_name(index));
  if (!options.val.empty()) {
    val_ = nn::open_dataset(options.val, {options.size});
    CHECK(val_->class_names() == data_->class_names(), "the classes of --val {} are not those of --data {}", options.val, options.data);
  }
  const std::string data_hash = hash_of(*data_);
  if (state_.data_hash.empty()) state_.data_hash = data_hash;
  CHECK(state_.data_hash == data_hash,
        "the pictures, labels or classes of {} are not those that the run began with; restore them, or start a new run in another --out",
        options.data);
  if (state_.isa.empty()) state_.isa = tensor::name(tensor::isa());
  if (state_.device_name.empty()) state_.device_name = name_of(device_);
  nn::ResNetConfig config;
  config.classes = data_->classes();
  config.stem = parse_stem(options.stem);
  config.shortcut = parse_shortcut(options.shortcut);
  config.seed = options.seed;
  net_ = nn::make_resnet(options.arch, config);
  check_last_batch(*net_, options, data_->size());
  net_->to(device_);
  sgd_ = std::make_unique<nn::Sgd>(
      net_->named_parameters(),
      nn::SgdOptions{.lr = options.lr, .momentum = options.momentum, .weight_decay = options.weight_decay, .nesterov = options.nesterov});
  const int64_t steps_per_epoch = (data_->size() + options.batch - 1) / options.batch;
  schedule_.lr = options.lr;
  schedule_.warmup_start = std::min(0.01, options.lr);
  schedule_.warmup_steps = options.warmup_epochs * steps_per_epoch;
  schedule_.total_steps = options.epochs * steps_per_epoch;
}

void Training::start_afresh() {
  state_.preprocessing = preprocessing_for(*data_, state_.options.size, state_.options.mean, state_.options.std);
  std::filesystem::remove(directory_.model_path());
  directory_.begin_log();
  directory_.save_state(state_, *net_, *sgd_);
}

void Training::print_head() const {
  const TrainOptions& options = state_.options;
  const nn::Preprocessing& input = state_.preprocessing;
  fmt::print("mode train: {}, seed {}\n", machine_line(device_), options.seed);
  fmt::print("data       {}: {} pictures, {} classes; mean {:.4f} {:.4f} {:.4f}, std {:.4f} {:.4f} {:.4f}\n", options.data,
             with_commas(data_->size()), data_->classes(), input.mean[0], input.mean[1], input.mean[2], input.std[0], input.std[1],
             input.std[2]);
  if (val_) fmt::print("validation {}: {} pictures\n", options.val, with_commas(val_->size()));
  fmt::print("schedule   {} epochs of {} steps, batch {}, lr {:g} (cosine{}), momentum {:g}{}, weight decay {:g}, {}\n\n", options.epochs,
             schedule_.total_steps / options.epochs, options.batch, options.lr,
             options.warmup_epochs > 0 ? fmt::format(", {} warm-up epochs", options.warmup_epochs) : "", options.momentum,
             options.nesterov ? " (Nesterov)" : "", options.weight_decay, options.augment ? "crop and flip" : "no augmentation");
  print_layer_table(*net_, options.size);
  fmt::print("\n");
  if (state_.step > 0) fmt::print("going on in epoch {} of {}, after {} steps\n", state_.epoch + 1, options.epochs, state_.step);
  std::fflush(stdout);
}

int Training::run() {
  const InterruptGuard guard;
  while (state_.epoch < state_.options.epochs) {
    if (run_epoch(guard)) continue;
    fmt::print("interrupted after step {}; saved. Go on with: mode train --resume --out {}\n", state_.step,
               std::filesystem::path(directory_.state_path()).parent_path().string());
    return status_interrupted;
  }
  fmt::print("weights    {}\nmodel      {}\n", nn::content_hash(nn::export_weights(*net_)), directory_.model_path());
  return 0;
}

bool Training::run_epoch(const InterruptGuard& guard) {
  const TrainOptions& options = state_.options;
  net_->train();
  nn::LoaderOptions loading;
  loading.batch = options.batch;
  loading.seed = options.seed;
  loading.epoch = state_.epoch;
  loading.first_batch = state_.batch;
  loading.preprocessing = state_.preprocessing;
  if (options.augment) loading.augment = nn::crop_and_flip();
  nn::Loader loader(*data_, loading);
  Progress progress(fmt::format("epoch {}/{}", state_.epoch + 1, options.epochs), data_->size(), "pictures", state_.seen);
  const double seconds_before = state_.seconds;
  double lr = 0;
  for (const nn::Batch& batch : loader) {
    lr = schedule_.at(state_.step);
    sgd_->set_lr(lr);
    sgd_->zero_grad();
    const nn::ResNetOutput output = (*net_)(batch.pictures.to(device_));
    const nn::Variable loss = nn::cross_entropy(output.logits, batch.labels.to(device_));
    const double value = loss.value().item();
    CHECK(std::isfinite(value),
          "the loss became {} in epoch {}, step {} (lr {:g}); try a smaller --lr or more --warmup-epochs, in another --out; what {} held "
          "before "
          "stays",
          value, state_.epoch + 1, state_.step + 1, lr, directory_.state_path());
    loss.backward();
    sgd_->step();
    ++state_.step;
    ++state_.batch;
    state_.seen += batch.size();
    state_.loss_sum += value * static_cast<double>(batch.size());
    state_.right += count_right(output.logits.value(), batch.labels);
    state_.seconds = seconds_before + progress.seconds();

    const int64_t behind = state_.epoch * data_->size() + state_.seen, all = options.epochs * data_->size();
    progress.update(state_.seen,
                    fmt::format("loss {:.3f}, accuracy {:.1f} %", state_.loss_sum / static_cast<double>(state_.seen),
                                100.0 * static_cast<double>(state_.right) / static_cast<double>(state_.seen)),
                    progress.rate() > 0 ? static_cast<double>(all - behind) / progress.rate() : -1);
    if (guard.interrupted() && state_.seen < data_->size()) {
      progress.finish("");
      check_weights(lr);
      directory_.save_state(state_, *net_, *sgd_);
      return false;
    }
  }
  progress.finish("");
  finish_epoch(lr);
  if (guard.interrupted() && state_.epoch < options.epochs) return false;
  return true;
}

/// A last step can leave weights that no loss has seen yet; such weights must not replace the good ones of the state.
void Training::check_weights(double lr) const {
  for (const auto& [name, tensor] : nn::export_weights(*net_))
    CHECK(tensor.dtype() != tensor::Dtype::f32 || tensor::ops::all_finite(tensor),
          "{} is not finite in epoch {} (lr {:g}); try a smaller --lr or more --warmup-epochs, in another --out", name, state_.epoch + 1,
          lr);
}

void Training::finish_epoch(double lr) {
  check_weights(lr);
  const double seen = static_cast<double>(state_.seen);
  const double loss = state_.loss_sum / seen, train_accuracy = static_cast<double>(state_.right) / seen;
  const double rate = state_.seconds > 0 ? seen / state_.seconds : 0;
  const double val_accuracy = val_ ? validate() : std::nan("");
  ++state_.epoch;
  fmt::print("epoch {}/{}: loss {:.4f}, train accuracy {:.2f} %{}, lr {:.3g}, {:.0f} pictures/s, {}\n", state_.epoch, state_.options.epochs,
             loss, 100 * train_accuracy, val_ ? fmt::format(", val accuracy {:.2f} %", 100 * val_accuracy) : "", lr, rate,
             format_seconds(state_.seconds));
  std::fflush(stdout);
  directory_.append_log(fmt::format("{},{},{:.6g},{:.6f},{:.6f},{},{:.1f},{:.2f}", state_.epoch, state_.step, lr, loss, train_accuracy,
                                    val_ ? fmt::format("{:.6f}", val_accuracy) : "", rate, state_.seconds));
  state_.batch = state_.seen = state_.right = 0;
  state_.loss_sum = state_.seconds = 0;
  save_model();
  directory_.save_state(state_, *net_, *sgd_);
}

double Training::validate() {
  const autograd::NoGrad no_grad;
  net_->eval();
  nn::LoaderOptions loading;
  loading.batch = state_.options.batch;
  loading.shuffle = false;
  loading.preprocessing = state_.preprocessing;
  int64_t right = 0;
  for (const nn::Batch& batch : nn::Loader(*val_, loading))
    right += count_right((*net_)(batch.pictures.to(device_)).logits.value(), batch.labels);
  return static_cast<double>(right) / static_cast<double>(val_->size());
}

void Training::save_model() const {
  nn::Checkpoint checkpoint;
  checkpoint.arch = net_->arch();
  checkpoint.config = net_->config();
  checkpoint.preprocessing = state_.preprocessing;
  checkpoint.has_preprocessing = true;
  checkpoint.class_names = data_->class_names();
  checkpoint.metadata["data"] = state_.options.data;
  checkpoint.metadata["seed"] = std::to_string(state_.options.seed);
  checkpoint.metadata["epoch"] = std::to_string(state_.epoch);
  checkpoint.metadata["step"] = std::to_string(state_.step);
  checkpoint.metadata["isa"] = tensor::name(tensor::isa());
  checkpoint.metadata["device"] = name_of(device_);
  checkpoint.metadata["commit"] = mode::commit();
  nn::save_model(directory_.model_path(), *net_, checkpoint);
}

/// The state of the run in `directory`, which the command line must not contradict.
RunState state_to_resume(const TrainOptions& options, RunDirectory& directory) {
  RunState state = directory.load_state();
  const std::map<std::string, std::string> now = options_to_text(options), run = options_to_text(state.options);
  for (const auto& [name, value] : run)
    if (options.given.count(name) != 0 && now.at(name) != value)
      throw UsageError(
          fmt::format("--{} {} differs from the run's own '{}' in {}; leave it out to resume, or start a new run in another --out", name,
                      now.at(name), value, options.out));
  state.options.out = options.out;
  if (state.isa != tensor::name(tensor::isa()))
    fmt::print("note: the run began with {}, here it goes on with {}: the last bits may differ\n", state.isa, tensor::name(tensor::isa()));
  if (options.given.count("device") != 0) state.options.device = options.device;
  const std::string device = name_of(device_of(state.options.device));
  if (state.device_name != device)
    fmt::print("note: the run began on {}, here it goes on on {}: the last bits may differ\n", state.device_name, device);
  return state;
}

}  // namespace

int run_train(const TrainOptions& options) {
  if (options.out.empty()) throw UsageError("--out DIR is needed");
  use_threads(options.threads);
  RunDirectory directory(options.out);
  if (options.resume) {
    RunState state = state_to_resume(options, directory);
    const int64_t epochs = state.epoch;
    ensure_writable_directory(options.out);
    directory.load_log(epochs);
    const tensor::Device device = device_of(state.options.device);
    Training training(std::move(state), std::move(directory), device);
    training.restore();
    training.print_head();
    return training.run();
  }
  if (options.data.empty()) throw UsageError("--data SPEC is needed, for example --data cifar10:DIR");
  const bool earlier_demo = options.made_by == "demo" && directory.holds_demo();
  CHECK(earlier_demo || options.made_by != "demo" || !directory.holds_run(),
        "{} holds a run that no demo made; a demo replaces only another demo: choose another --out", options.out);
  CHECK(earlier_demo || !directory.holds_run(), "{} already holds a run; go on with it by --resume, or choose another --out", options.out);
  RunState state;
  state.options = options;
  Training training(std::move(state), directory, device_of(options.device));
  ensure_writable_directory(options.out);
  training.start_afresh();
  training.print_head();
  return training.run();
}

}  // namespace mode::tools
