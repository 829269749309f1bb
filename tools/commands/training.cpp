#include "tools/commands/training.h"

#include <cmath>
#include <filesystem>

#include "mode/version.h"
#include "nn/gradient_norm.h"
#include "nn/holdout.h"
#include "nn/losses.h"
#include "nn/text.h"
#include "tensor/isa.h"
#include "tensor/ops/elementwise.h"
#include "tools/commands/common.h"
#include "tools/commands/progress.h"
#include "tools/commands/statistics.h"

namespace mode::tools {

namespace {

constexpr int status_interrupted = 130;  // what a shell reports for Ctrl-C

/// What the network sees, and what augmentation is given to make that of.
nn::Framing framing_of(const TrainOptions& options) {
  return {options.size, options.crop == "centre" ? nn::Crop::centre : nn::Crop::squash, options.short_side};
}
nn::Framing read_framing_of(const TrainOptions& options) {
  nn::Framing framing = framing_of(options);
  if (options.read_size > 0) framing.size = options.read_size;
  if (framing.short_side > 0) framing.short_side = std::max(framing.short_side, framing.size);
  return framing;
}

/// BatchNorm has no variance of one value: better said now than at the end of an epoch.
void check_last_batch(const nn::ResNet& net, const TrainOptions& options, int64_t pictures) {
  if ((pictures - 1) % options.batch + 1 != 1) return;
  for (const nn::LayerRow& row : net.layer_table(options.size, options.size))
    CHECK(row.output.rank() != 4 || row.output[1] * row.output[2] > 1,
          "{} pictures in batches of {} leave a last one of a single picture, and at --size {} the map behind {} is 1 x 1: BatchNorm needs "
          "two values to learn from; choose another --batch, a larger --size or another number of pictures (limit=N in --data, --holdout)",
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

std::string hash_of(const std::vector<int64_t>& ids) {
  return nn::content_hash({{"ids", tensor::Tensor::from(ids, {static_cast<int64_t>(ids.size())})}});
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Training::Training(RunState state, RunDirectory directory, tensor::Device device)
    : state_(std::move(state)),
      directory_(std::move(directory)),
      device_(device),
      save_every_(parse_save_every(state_.options.save_every)) {
  open_pictures();
  if (state_.isa.empty()) state_.isa = tensor::name(tensor::isa());
  if (state_.device_name.empty()) state_.device_name = name_of(device_);
  if (state_.commit.empty()) state_.commit = mode::commit();
  build();
}

void Training::open_pictures() {
  const TrainOptions& options = state_.options;
  all_ = nn::open_dataset(options.data, framing_of(options));
  CHECK(all_->classes() >= 2, "{} has {} classes; a classifier needs labelled pictures of at least two", options.data, all_->classes());
  for (int64_t index = 0; index < all_->size(); ++index)
    CHECK(all_->label(index) >= 0, "{}: {} has no label; training needs one for every picture", options.data, all_->picture_name(index));
  if (!options.val.empty()) {
    val_ = nn::open_dataset(options.val, framing_of(options));
    CHECK(val_->class_names() == all_->class_names(), "the classes of --val {} are not those of --data {}", options.val, options.data);
  }
  const std::string data_hash = hash_of(*all_);
  if (state_.data_hash.empty()) state_.data_hash = data_hash;
  CHECK(state_.data_hash == data_hash,
        "the pictures, labels or classes of {} are not those that the run began with; restore them, or start a new run in another --out",
        options.data);

  nn::Split split = nn::hold_out(*all_, options.holdout, options.seed);
  held_out_ids_ = std::move(split.held_out);
  data_ = options.read_size > 0 ? nn::open_dataset(options.data, read_framing_of(options)) : all_;
  if (!held_out_ids_.empty()) {
    data_ = nn::subset(data_, std::move(split.training));
    held_out_ = nn::subset(all_, held_out_ids_);
  }
  const std::string held_out_hash = hash_of(held_out_ids_);
  if (state_.held_out_hash.empty()) state_.held_out_hash = held_out_hash;
  CHECK(state_.held_out_hash == held_out_hash,
        "the run held out other pictures of {} than this program would; start a new run in another --out", options.data);
  CHECK(options.patience == 0 || held_out_, "--patience needs held-out pictures, and --holdout {:g} of {} gives none; use a larger share",
        options.holdout, options.data);
}

void Training::build() {
  const TrainOptions& options = state_.options;
  nn::ResNetConfig config;
  config.classes = data_->classes();
  config.stem = parse_stem(options.stem);
  config.shortcut = parse_shortcut(options.shortcut);
  config.seed = options.seed;
  net_ = nn::make_resnet(options.arch, config);
  check_last_batch(*net_, options, data_->size());
  net_->to(device_);
  sgd_ = std::make_unique<nn::Sgd>(net_->named_parameters(), nn::SgdOptions{.lr = options.lr,
                                                                            .momentum = options.momentum,
                                                                            .weight_decay = options.weight_decay,
                                                                            .nesterov = options.nesterov,
                                                                            .decay_vectors = !options.no_decay_norm_bias});
  const int64_t steps_per_epoch = (data_->size() + options.batch - 1) / options.batch;
  schedule_.kind = nn::schedule_by_name(options.schedule);
  schedule_.lr = options.lr;
  schedule_.final_ratio = options.final_ratio;
  for (const int64_t epoch : options.milestones) schedule_.milestones.push_back(epoch * steps_per_epoch);
  schedule_.gamma = options.gamma;
  schedule_.warmup_start = std::min(options.warmup_start, options.lr);
  schedule_.warmup_steps = options.warmup_epochs * steps_per_epoch;
  schedule_.total_steps = options.epochs * steps_per_epoch;
}

void Training::start_afresh() {
  state_.preprocessing = preprocessing_for(*data_, state_.options.size, state_.options.mean, state_.options.std);
  state_.preprocessing.crop = all_->framing().crop;
  state_.preprocessing.short_side = all_->framing().short_side;
  std::filesystem::remove(directory_.model_path());
  std::filesystem::remove(directory_.best_path());
  directory_.begin_log();
  directory_.save_state(state_, *net_, *sgd_);
}

std::string Training::schedule_text() const {
  const TrainOptions& o = state_.options;
  std::string text = o.schedule;
  if (schedule_.kind == nn::Schedule::Kind::cosine) text += fmt::format(" to {:g}", o.lr * o.final_ratio);
  if (schedule_.kind == nn::Schedule::Kind::step) text += fmt::format(", times {:g} after epoch {}", o.gamma, nn::joined(o.milestones));
  if (o.warmup_epochs > 0) text += fmt::format(", {} warm-up epochs from {:g}", o.warmup_epochs, schedule_.warmup_start);
  return text;
}

void Training::print_head() const {
  const TrainOptions& o = state_.options;
  const nn::Preprocessing& input = state_.preprocessing;
  fmt::print("mode train: {}, seed {}\n", machine_line(device_), o.seed);
  if (!o.preset.empty()) fmt::print("preset     {}: {}\n", o.preset, preset_line(o));
  fmt::print("data       {}: {} pictures, {} classes; {}, {}; mean {:.4f} {:.4f} {:.4f}, std {:.4f} {:.4f} {:.4f}\n", o.data,
             with_commas(data_->size()), data_->classes(),
             o.crop == "centre" ? "short side resized, middle cut out" : "squashed to the square",
             o.augment == "none" ? "no augmentation" : "augmentation " + o.augment, input.mean[0], input.mean[1], input.mean[2],
             input.std[0], input.std[1], input.std[2]);
  if (held_out_)
    fmt::print("held out   {} of {} pictures, never trained on; the best epoch is chosen on them\n", with_commas(held_out_->size()),
               with_commas(all_->size()));
  else if (o.holdout > 0)
    fmt::print("held out   none: a share of {:g} is less than half a picture of every class\n", o.holdout);
  if (val_) fmt::print("validation {}: {} pictures\n", o.val, with_commas(val_->size()));
  fmt::print("schedule   {} epochs of {} steps, batch {}, lr {:g} ({}){}\n", o.epochs, schedule_.total_steps / o.epochs, o.batch, o.lr,
             schedule_text(), o.patience > 0 ? fmt::format(", ends {} epochs after the best", o.patience) : "");
  const std::vector<std::string> undecayed = sgd_->undecayed();
  fmt::print("optimiser  SGD, momentum {:g}{}, weight decay {:g}{}{}{}\n\n", o.momentum, o.nesterov ? " (Nesterov)" : "", o.weight_decay,
             o.no_decay_norm_bias ? fmt::format(" but for {} parameters of one axis", undecayed.size()) : "",
             o.clip > 0 ? fmt::format(", gradients clipped at norm {:g}", o.clip) : "",
             o.label_smoothing > 0 ? fmt::format(", label smoothing {:g}", o.label_smoothing) : "");
  if (!undecayed.empty()) fmt::print("not decayed: {}\n\n", nn::joined(undecayed));
  print_layer_table(*net_, o.size);
  fmt::print("\n");
  if (state_.step > 0) fmt::print("going on in epoch {} of {}, after {} steps\n", state_.epoch + 1, o.epochs, state_.step);
  std::fflush(stdout);
}

bool Training::out_of_patience() const {
  return state_.options.patience > 0 && state_.epoch > 0 && state_.epoch - state_.best_epoch >= state_.options.patience;
}

int Training::run() {
  const InterruptGuard guard;
  while (state_.epoch < state_.options.epochs && !out_of_patience()) {
    if (run_epoch(guard)) continue;
    fmt::print("interrupted after step {}; saved. Go on with: mode train --resume --out {}\n", state_.step,
               std::filesystem::path(directory_.state_path()).parent_path().string());
    return status_interrupted;
  }
  if (state_.epoch < state_.options.epochs)
    fmt::print("ended after epoch {} of {}: none of the last {} was better on the held-out pictures than epoch {}\n", state_.epoch,
               state_.options.epochs, state_.options.patience, state_.best_epoch);
  fmt::print("weights    {}\nmodel      {}\n", nn::content_hash(nn::export_weights(*net_)), directory_.model_path());
  if (state_.best_epoch > 0)
    fmt::print("best       {} (epoch {}, held-out accuracy {:.2f} %)\n", directory_.best_path(), state_.best_epoch,
               100 * state_.best_accuracy);
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
  loading.augment = nn::augment_by_name(options.augment);
  loading.workers = options.workers;
  nn::Loader loader(*data_, loading);
  Progress progress(fmt::format("epoch {}/{}", state_.epoch + 1, options.epochs), data_->size(), "pictures", state_.seen);
  const double seconds_before = state_.seconds, waited_before = state_.data_seconds;
  double lr = 0;
  for (const nn::Batch& batch : loader) {
    lr = step(batch);
    state_.seconds = seconds_before + progress.seconds();
    state_.data_seconds = waited_before + loader.seconds_waited();
    const int64_t behind = state_.epoch * data_->size() + state_.seen, all = options.epochs * data_->size();
    progress.update(state_.seen,
                    fmt::format("loss {:.3f}, accuracy {:.1f} %", state_.meters.mean("loss"), 100 * state_.meters.mean("accuracy")),
                    progress.rate() > 0 ? static_cast<double>(all - behind) / progress.rate() : -1);
    if (state_.seen < data_->size() && (guard.interrupted() || save_is_due())) {
      if (guard.interrupted()) progress.finish("");
      check_weights();
      save();
      if (guard.interrupted()) return false;
    }
  }
  progress.finish("");
  finish_epoch(lr);
  return !(guard.interrupted() && state_.epoch < options.epochs);
}

double Training::step(const nn::Batch& batch) {
  const TrainOptions& options = state_.options;
  const double lr = schedule_.at(state_.step);
  const auto check_finite = [&](double value, const char* what) {
    CHECK(std::isfinite(value),
          "the {} became {} in epoch {}, step {} (lr {:g}); try a smaller --lr, more --warmup-epochs or --clip, in another --out; what {} "
          "held "
          "before stays",
          what, value, state_.epoch + 1, state_.step + 1, lr, directory_.state_path());
  };
  sgd_->set_lr(lr);
  sgd_->zero_grad();
  const nn::ResNetOutput output = (*net_)(batch.pictures.to(device_));
  const nn::Variable loss = nn::cross_entropy(output.logits, batch.labels.to(device_), options.label_smoothing);
  const double value = loss.value().item();
  check_finite(value, "loss");
  loss.backward();
  const double norm = nn::gradient_norm(sgd_->parameters());
  check_finite(norm, "norm of the gradients");
  sgd_->step(options.clip > 0 ? nn::clip_factor(norm, options.clip) : 1);

  const int64_t pictures = batch.size();
  state_.meters.add("loss", value, pictures);
  state_.meters.add("cross_entropy", value, pictures);
  state_.meters.add("grad_norm", norm, pictures);
  state_.meters.add("accuracy", static_cast<double>(count_right(output.logits.value(), batch.labels)) / static_cast<double>(pictures),
                    pictures);
  state_.seen += pictures;
  ++state_.step;
  ++state_.batch;
  return lr;
}

bool Training::save_is_due() const {
  if (save_every_.steps > 0) return state_.step % save_every_.steps == 0;
  return save_every_.minutes > 0 && seconds_since(last_save_) >= 60 * save_every_.minutes;
}

void Training::save() {
  directory_.save_state(state_, *net_, *sgd_);
  last_save_ = std::chrono::steady_clock::now();
}

/// A last step can leave weights that no loss has seen yet; such weights must not replace the good ones of the state.
void Training::check_weights() const {
  for (const auto& [name, tensor] : nn::export_weights(*net_))
    CHECK(tensor.dtype() != tensor::Dtype::f32 || tensor::ops::all_finite(tensor),
          "{} is not finite in epoch {}, step {}; try a smaller --lr, more --warmup-epochs or --clip, in another --out", name,
          state_.epoch + 1, state_.step);
}

void Training::finish_epoch(double lr) {
  check_weights();
  EpochRow row;
  row.epoch = ++state_.epoch;
  row.step = state_.step;
  row.lr = lr;
  row.loss = state_.meters.mean("loss");
  row.cross_entropy = state_.meters.mean("cross_entropy");
  row.gradient_norm = state_.meters.mean("grad_norm");
  row.train_accuracy = state_.meters.mean("accuracy");
  row.seconds = state_.seconds;
  row.data_seconds = state_.data_seconds;
  row.pictures_per_second = state_.seconds > 0 ? static_cast<double>(state_.seen) / state_.seconds : 0;
  if (held_out_) row.held_out = evaluate(*held_out_);
  if (val_) row.val = evaluate(*val_);
  // Chosen on the held-out pictures alone: what is reported on other sets has chosen nothing.
  const EpochRow::Score& score = row.held_out;
  const bool better = held_out_ && (state_.best_epoch == 0 || score.accuracy > state_.best_accuracy ||
                                    (score.accuracy == state_.best_accuracy && score.loss < state_.best_loss));
  if (better) {
    state_.best_epoch = state_.epoch;
    state_.best_accuracy = score.accuracy;
    state_.best_loss = score.loss;
  }
  fmt::print("epoch {}/{}: loss {:.4f}, train accuracy {:.2f} %", row.epoch, state_.options.epochs, row.loss, 100 * row.train_accuracy);
  if (held_out_) fmt::print(", held out {:.2f} %{}", 100 * score.accuracy, better ? " (best)" : "");
  if (val_) fmt::print(", val accuracy {:.2f} %", 100 * row.val.accuracy);
  fmt::print(", lr {:.3g}, {:.0f} pictures/s, {}", lr, row.pictures_per_second, format_seconds(row.seconds));
  if (row.data_seconds > 0.1 * row.seconds) fmt::print(", {:.0f} % of it waiting for pictures", 100 * row.data_seconds / row.seconds);
  fmt::print("\n");
  std::fflush(stdout);

  // The state comes last: a run killed before it does the epoch again, and writes the same files again.
  if (better) save_model(directory_.best_path());
  save_model(directory_.model_path());
  directory_.append_log(row);
  state_.meters.clear();
  state_.batch = state_.seen = 0;
  state_.seconds = state_.data_seconds = 0;
  save();
}

EpochRow::Score Training::evaluate(const nn::Dataset& pictures) {
  const autograd::NoGrad no_grad;
  net_->eval();
  nn::LoaderOptions loading;
  loading.batch = state_.options.batch;
  loading.shuffle = false;
  loading.workers = state_.options.workers;
  loading.preprocessing = state_.preprocessing;
  double loss = 0;
  int64_t right = 0;
  for (const nn::Batch& batch : nn::Loader(pictures, loading)) {
    const tensor::Tensor logits = (*net_)(batch.pictures.to(device_)).logits.value();
    loss += nn::cross_entropy(nn::Variable(logits), batch.labels.to(device_)).value().item() * static_cast<double>(batch.size());
    right += count_right(logits, batch.labels);
  }
  const double count = static_cast<double>(pictures.size());
  return {loss / count, static_cast<double>(right) / count};
}

void Training::save_model(const std::string& path) const {
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
  nn::record_held_out(checkpoint, *all_, held_out_ids_);
  nn::save_model(path, *net_, checkpoint);
}

}  // namespace mode::tools
