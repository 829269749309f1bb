#include "mode/training/trainer.h"

#include <cmath>
#include <filesystem>

#include "mode/evaluation/metrics.h"
#include "mode/version.h"
#include "nn/data/preprocessing.h"
#include "nn/data/split.h"
#include "nn/gradient_norm.h"
#include "nn/layers.h"
#include "nn/module.h"
#include "nn/text.h"
#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/ops/elementwise.h"
#include "tensor/philox.h"
#include "tools/commands/common.h"
#include "tools/commands/progress.h"

namespace mode::tools {

std::string hash_of(const nn::Dataset& data) {
  // Files are told by their size; what has no file of its own, by its pixels.
  nn::TensorFile file;
  tensor::Tensor labels({data.size()}, tensor::Dtype::i64), sizes({data.size()}, tensor::Dtype::i64);
  const int64_t image_bytes = data.image_size() * data.image_size() * 3;
  std::vector<uint8_t> pixels(static_cast<size_t>(image_bytes));
  std::string& names = file.metadata["names"];
  for (int64_t index = 0; index < data.size(); ++index) {
    labels.data<int64_t>()[index] = data.label(index);
    names += data.image_name(index) + "\n";
    int64_t& size = sizes.data<int64_t>()[index];
    size = data.file_bytes(index);
    if (size >= 0) continue;
    data.read(index, pixels.data());
    size = static_cast<int64_t>(tensor::counter_of({reinterpret_cast<const char*>(pixels.data()), pixels.size()}));
  }
  file.tensors["labels"] = labels;
  file.tensors["sizes"] = sizes;
  for (const std::string& name : data.class_names()) file.metadata["classes"] += name + "\n";
  return nn::content_hash(file);
}

ObjectiveOptions objective_of(const TrainOptions& o) {
  using Base = ObjectiveOptions::Base;
  ObjectiveOptions objective;
  objective.base = o.loss == "ce"       ? Base::cross_entropy
                   : o.loss == "supcon" ? Base::supcon
                   : o.loss == "simclr" ? Base::simclr
                                        : Base::none;
  objective.label_smoothing = o.label_smoothing;
  objective.contrastive = {.inverse_temperature = 1 / o.temperature, .scale = o.loss_scale};
  objective.alpa_weight = o.alpa == "off" ? 0 : o.alpa_weight;
  for (const auto& [name, aggregate] : alpa_aggregates())
    if (name == o.alpa_aggregate) objective.alpa.aggregate = aggregate;
  objective.alpa.inverse_temperature = 1 / o.alpa_temperature;
  objective.alpa.grid = o.alpa_grid;
  objective.alpa_by_image = o.alpa_by_image || (o.loss == "simclr" && !o.alpa_labels);
  return objective;
}

namespace {

/// What augmentation is given to make the network's input of.
nn::Framing read_framing_of(const TrainOptions& options) {
  nn::Framing framing = framing_of(options);
  if (options.read_size > 0) framing.size = options.read_size;
  if (framing.short_side > 0) framing.short_side = std::max(framing.short_side, framing.size);
  return framing;
}

/// BatchNorm has no variance of one value: better said now than at the end of an epoch.
void check_last_batch(const nn::ResNet& net, const TrainOptions& options, int64_t images) {
  if (((images - 1) % options.batch + 1) * views_of(options) != 1) return;
  for (const nn::LayerRow& row : net.layer_table(options.size, options.size))
    CHECK(row.output.rank() != 4 || row.output[1] * row.output[2] > 1,
          "{} images in batches of {} leave a last one of a single image, and at --size {} the map behind {} is 1 x 1: BatchNorm needs "
          "two values to learn from; choose another --batch, a larger --size or another number of images (limit=N in --data, --holdout)",
          images, options.batch, options.size, row.name);
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
  open_images();
  if (state_.isa.empty()) state_.isa = tensor::name(tensor::isa());
  if (state_.device_name.empty()) state_.device_name = name_of(device_);
  if (state_.commit.empty()) state_.commit = mode::commit();
  build();
}

void Training::open_images() {
  const TrainOptions& options = state_.options;
  all_ = nn::open_dataset(options.data, framing_of(options));
  CHECK(all_->classes() >= 2, "{} has {} classes; a classifier needs labeled images of at least two", options.data, all_->classes());
  for (int64_t index = 0; index < all_->size(); ++index)
    CHECK(all_->label(index) >= 0, "{}: {} has no label; training needs one for every image", options.data, all_->image_name(index));
  if (!options.val.empty()) {
    val_ = nn::open_dataset(options.val, framing_of(options));
    CHECK(val_->class_names() == all_->class_names(), "the classes of --val {} are not those of --data {}", options.val, options.data);
  }
  const std::string data_hash = hash_of(*all_);
  if (state_.data_hash.empty()) state_.data_hash = data_hash;
  CHECK(state_.data_hash == data_hash,
        "the images (their names, sizes or order), labels or classes of {} are not those that the run began with; restore them, or start "
        "a new run in another --out",
        options.data);

  nn::Split split = nn::split_by_class(*all_, options.holdout, holdout_seed_of(options));
  held_out_ids_ = std::move(split.validation);
  data_ = options.read_size > 0 ? nn::open_dataset(options.data, read_framing_of(options)) : all_;
  if (!held_out_ids_.empty()) {
    data_ = nn::subset(data_, std::move(split.training));
    held_out_ = nn::subset(all_, held_out_ids_);
  }
  const std::string held_out_hash = hash_of(held_out_ids_);
  if (state_.held_out_hash.empty()) state_.held_out_hash = held_out_hash;
  CHECK(state_.held_out_hash == held_out_hash,
        "the run held out other images of {} than this program would; start a new run in another --out", options.data);
  CHECK(options.patience == 0 || held_out_, "--patience needs held-out images, and --holdout {:g} of {} gives none; use a larger share",
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
  objective_ = std::make_unique<Objective>(objective_of(options), net_->feature_dim());
  nn::initialize(*objective_, options.seed);
  net_->to(device_);
  objective_->to(device_);
  std::vector<nn::Module::NamedParameter> parameters = net_->named_parameters();
  for (const nn::Module::NamedParameter& parameter : objective_->named_parameters()) parameters.push_back(parameter);
  sgd_ = std::make_unique<nn::Sgd>(parameters, nn::SgdOptions{.lr = options.lr,
                                                              .momentum = options.momentum,
                                                              .weight_decay = options.weight_decay,
                                                              .nesterov = options.nesterov,
                                                              .decay_vectors = !options.no_decay_norm_bias});
  const int64_t steps_per_epoch = tensor::ceil_div(data_->size(), options.batch);
  schedule_.kind = nn::schedule_by_name(options.schedule);
  schedule_.lr = options.lr;
  schedule_.final_ratio = options.final_ratio;
  for (const int64_t epoch : options.milestones) schedule_.milestones.push_back(epoch * steps_per_epoch);
  schedule_.gamma = options.gamma;
  schedule_.warmup_start = std::min(options.warmup_start, options.lr);
  schedule_.warmup_steps = options.warmup_epochs * steps_per_epoch;
  schedule_.total_steps = options.epochs * steps_per_epoch;
}

void Training::begin_with(const std::string& path) {
  const nn::LoadedModel model = nn::load_model(path);
  nn::load_weights(*net_, nn::export_weights(*model.net));
  fmt::print("from       {}: {}\n", path, model.report.to_string());
  RunDirectory base(std::filesystem::path(path).parent_path().string());
  if (!objective_->has_head() || !std::filesystem::exists(base.state_path())) return;
  base.load_state();
  std::map<std::string, tensor::Tensor> head;
  for (const auto& [name, tensor] : base.objective_tensors())
    if (name.rfind("head.", 0) == 0) head.emplace(name, tensor);
  if (head.empty()) return;
  nn::load_weights(*objective_, head);
  fmt::print("head       {}: {} tensors\n", base.state_path(), head.size());
}

void Training::start_afresh() {
  if (!state_.options.from.empty()) begin_with(state_.options.from);
  state_.preprocessing = nn::preprocessing_for(*data_, state_.options.size, state_.options.mean, state_.options.std);
  state_.preprocessing.crop = all_->framing().crop;
  state_.preprocessing.short_side = all_->framing().short_side;
  std::filesystem::remove(directory_.model_path());
  std::filesystem::remove(directory_.best_path());
  directory_.begin_log();
  directory_.save_state(state_, *net_, *objective_, *sgd_);
}

bool Training::out_of_patience() const {
  return state_.options.patience > 0 && state_.epoch > 0 && state_.epoch - state_.best_epoch >= state_.options.patience;
}

int Training::run() {
  const InterruptGuard guard;
  while (state_.epoch < state_.options.epochs && !out_of_patience()) {
    if (run_epoch(guard)) continue;
    fmt::print("interrupted after step {}; saved. Go on with: mode {} --resume --out {}\n", state_.step,
               state_.options.made_by == "finetune" ? "finetune" : "train",
               std::filesystem::path(directory_.state_path()).parent_path().string());
    return status_interrupted;
  }
  if (state_.epoch < state_.options.epochs)
    fmt::print("ended after epoch {} of {}: none of the last {} was better on the held-out images than epoch {}\n", state_.epoch,
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
  loading.views = views_of(options);
  nn::Loader loader(*data_, loading);
  Progress progress(fmt::format("epoch {}/{}", state_.epoch + 1, options.epochs), data_->size(), "images", state_.seen);
  const double seconds_before = state_.seconds, waited_before = state_.data_seconds;
  double lr = 0;
  for (const nn::Batch& batch : loader) {
    lr = step(batch);
    state_.seconds = seconds_before + progress.seconds();
    state_.data_seconds = waited_before + loader.seconds_waited();
    const int64_t behind = state_.epoch * data_->size() + state_.seen, all = options.epochs * data_->size();
    progress.update(state_.seen,
                    objective_->trains_classifier()
                        ? fmt::format("loss {:.3f}, accuracy {:.1f} %", state_.meters.mean("loss"), 100 * state_.meters.mean("accuracy"))
                        : fmt::format("loss {:.3f}", state_.meters.mean("loss")),
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
  const nn::ResNetOutput output = (*net_)(batch.images.to(device_));
  const Objective::Result loss = (*objective_)(output, batch.labels, views_of(options));
  const double value = loss.total.value().item();
  check_finite(value, "loss");
  loss.total.backward();
  const double norm = nn::gradient_norm(sgd_->parameters());
  check_finite(norm, "norm of the gradients");
  sgd_->step(options.clip > 0 ? nn::clip_factor(norm, options.clip) : 1);

  const int64_t images = batch.size();
  state_.meters.add("loss", value, images);
  for (const auto& [name, term] : loss.terms) state_.meters.add(name, term, images);
  state_.meters.add("grad_norm", norm, images);
  if (objective_->trains_classifier()) {
    const tensor::Tensor logits = output.logits.value().rows(0, images);  // of the first view
    state_.meters.add("accuracy", static_cast<double>(count_right(logits, batch.labels)) / static_cast<double>(images), images);
  }
  state_.seen += images;
  ++state_.step;
  ++state_.batch;
  return lr;
}

bool Training::save_is_due() const {
  if (save_every_.steps > 0) return state_.step % save_every_.steps == 0;
  return save_every_.minutes > 0 && seconds_since(last_save_) >= 60 * save_every_.minutes;
}

void Training::save() {
  directory_.save_state(state_, *net_, *objective_, *sgd_);
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
  row.contrastive = state_.meters.mean(state_.options.loss);
  row.alpa = state_.meters.mean("alpa");
  row.gradient_norm = state_.meters.mean("grad_norm");
  row.train_accuracy = state_.meters.mean("accuracy");
  row.seconds = state_.seconds;
  row.data_seconds = state_.data_seconds;
  row.images_per_second = state_.seconds > 0 ? static_cast<double>(state_.seen) / state_.seconds : 0;
  const bool classifies = objective_->trains_classifier();
  if (held_out_ && classifies) row.held_out = evaluate(*held_out_);
  if (val_ && classifies) row.val = evaluate(*val_);
  // Chosen on the held-out images alone: what is reported on other sets has chosen nothing.
  const EpochRow::Score& score = row.held_out;
  const bool better = held_out_ && classifies &&
                      (state_.best_epoch == 0 || score.accuracy > state_.best_accuracy ||
                       (score.accuracy == state_.best_accuracy && score.loss < state_.best_loss));
  if (better) {
    state_.best_epoch = state_.epoch;
    state_.best_accuracy = score.accuracy;
    state_.best_loss = score.loss;
  }
  print_epoch(row, better);

  // The state comes last: a run killed before it does the epoch again, and writes the same files again.
  if (better) save_model(directory_.best_path());
  save_model(directory_.model_path());
  directory_.append_log(row);
  state_.meters.clear();
  state_.batch = state_.seen = 0;
  state_.seconds = state_.data_seconds = 0;
  save();
}

EpochRow::Score Training::evaluate(const nn::Dataset& images) {
  const autograd::NoGrad no_grad;
  net_->eval();
  nn::LoaderOptions loading;
  loading.batch = state_.options.batch;
  loading.shuffle = false;
  loading.workers = state_.options.workers;
  loading.preprocessing = state_.preprocessing;
  double loss = 0;
  int64_t right = 0;
  for (const nn::Batch& batch : nn::Loader(images, loading)) {
    const tensor::Tensor logits = (*net_)(batch.images.to(device_)).logits.value();
    loss += nn::cross_entropy(nn::Variable(logits), batch.labels.to(device_)).value().item() * static_cast<double>(batch.size());
    right += count_right(logits, batch.labels);
  }
  const double count = static_cast<double>(images.size());
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
  checkpoint.metadata["loss"] = state_.options.loss;
  checkpoint.metadata["alpa"] = state_.options.alpa;
  checkpoint.metadata["classifier"] = objective_->trains_classifier() ? "trained" : state_.options.from.empty() ? "untrained" : "stale";
  checkpoint.metadata["holdout"] = fmt::format("{:.17g}", state_.options.holdout);
  checkpoint.metadata["holdout_seed"] = std::to_string(holdout_seed_of(state_.options));
  if (!state_.options.from.empty()) checkpoint.metadata["from"] = state_.options.from;
  checkpoint.metadata["epoch"] = std::to_string(state_.epoch);
  checkpoint.metadata["step"] = std::to_string(state_.step);
  checkpoint.metadata["isa"] = tensor::name(tensor::isa());
  checkpoint.metadata["device"] = name_of(device_);
  checkpoint.metadata["commit"] = mode::commit();
  nn::record_validation(checkpoint, *all_, held_out_ids_);
  nn::save_model(path, *net_, checkpoint);
}

}  // namespace mode::tools
