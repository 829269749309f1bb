// The beginning of a run: new, resumed, or fine-tuning another network. The loop is in trainer.cpp.
#include <filesystem>

#include "mode/training/trainer.h"
#include "mode/version.h"
#include "nn/data/preprocessing.h"
#include "nn/data/split.h"
#include "nn/files.h"
#include "nn/module.h"
#include "nn/text.h"
#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"

namespace mode {

std::string hash_of(const nn::Dataset& data) {
  nn::TensorFile file;
  tensor::Tensor labels({data.size()}, tensor::Dtype::i64), sizes({data.size()}, tensor::Dtype::i64);
  std::vector<uint8_t> pixels(data.image_size() * data.image_size() * 3);
  std::string& names = file.metadata["names"];
  for (int64_t index = 0; index < data.size(); ++index) {
    labels.data<int64_t>()[index] = data.label(index);
    names += data.image_name(index) + "\n";
    int64_t& size = sizes.data<int64_t>()[index];
    size = data.file_bytes(index);
    if (size >= 0) continue;
    data.read(index, pixels.data());  // an image without a file of its own
    size = static_cast<int64_t>(tensor::counter_of({reinterpret_cast<const char*>(pixels.data()), pixels.size()}));
  }
  file.tensors["labels"] = labels;
  file.tensors["sizes"] = sizes;
  for (const std::string& name : data.class_names()) file.metadata["classes"] += name + "\n";
  return nn::content_hash(file);
}

namespace {

/// The framing of images before augmentation.
nn::Framing read_framing_of(const TrainOptions& options) {
  nn::Framing framing = framing_of(options);
  if (options.read_size > 0) framing.size = options.read_size;
  if (framing.short_side > 0) framing.short_side = std::max(framing.short_side, framing.size);
  return framing;
}

/// BatchNorm has no variance of one value: an error before training instead of at the end of an epoch.
void check_last_batch(const nn::ResNet& net, const TrainOptions& options, int64_t images) {
  if (((images - 1) % options.batch + 1) * views_of(options) != 1) return;
  for (const nn::LayerRow& row : net.layer_table(options.size, options.size))
    CHECK(
        row.output.rank() != 4 || row.output[1] * row.output[2] > 1,
        "{} images in batches of {} leave a last batch of one image, and at --size {} the feature map of {} is 1 x 1: BatchNorm needs two "
        "values; choose another --batch, a larger --size or another number of images (limit=N in --data, --val-fraction)",
        images, options.batch, options.size, row.name);
}

std::string hash_of(const std::vector<int64_t>& ids) {
  return nn::content_hash({{"ids", tensor::Tensor::from(ids, {static_cast<int64_t>(ids.size())})}});
}

/// A demo's run is a run of mode train.
std::string command_of(const TrainOptions& options) { return options.made_by == "finetune" ? "finetune" : "train"; }

/// The run's options with those of `now` that may change. An option in now.given that differs from the run's is an OptionError.
TrainOptions resumed_options(TrainOptions run, const TrainOptions& now, const RunDirectory& directory) {
  const std::map<std::string, std::string> now_text = options_to_text(now), run_text = options_to_text(run);
  for (const auto& [name, value] : run_text)
    if (now.given.count(name) != 0 && name != "save-every" && now_text.at(name) != value)
      throw OptionError(
          fmt::format("--{} {} differs from the run's own '{}' in {}; leave it out to resume, or start a new run in another --out", name,
                      now_text.at(name), value, now.out));
  if (command_of(now) != command_of(run))
    throw OptionError(
        fmt::format("the run in {0} was begun by mode {1}; resume it with mode {1} --resume --out {0}", now.out, command_of(run)));
  try {
    check_options(run);
  } catch (const OptionError& error) {
    throw tensor::Error(fmt::format("{}: {}", directory.state_path(), error.what()));
  }
  run.out = now.out;
  run.threads = now.threads;
  run.workers = now.workers;
  if (now.given.count("save-every") != 0) run.save_every = now.save_every;
  if (now.given.count("device") != 0) run.device = now.device;
  return run;
}

}  // namespace

Trainer::Trainer(const TrainOptions& options, TrainCallbacks callbacks) : directory_(options.out), callbacks_(std::move(callbacks)) {
  if (options.out.empty()) throw OptionError("--out DIR is missing");
  if (options.data.empty()) throw OptionError("--data SPEC is missing, for example --data cifar10:DIR");
  state_.options = with_preset(options);
  check_options(state_.options);
  if (std::filesystem::is_directory(options.out)) lock_ = std::make_unique<RunLock>(options.out);
  const bool demo = options.made_by == "demo", replaces = demo && directory_.holds_demo();
  CHECK(replaces || !demo || !directory_.holds_run(),
        "{} holds a run that no demo made; a demo replaces only another demo: choose another --out", options.out);
  CHECK(replaces || !directory_.holds_run(), "{} already holds a run; continue it with --resume, or choose another --out", options.out);
  device_ = tensor::parse_device(state_.options.device);
  open_images();
  build();
  ensure_writable_directory(options.out);
  if (!lock_) lock_ = std::make_unique<RunLock>(options.out);
  CHECK(replaces || !directory_.holds_run(), "another process has just begun a run in {}; choose another --out", options.out);
  nn::remove_unfinished(options.out);
  start();
}

Trainer Trainer::resume(const TrainOptions& options, TrainCallbacks callbacks) {
  if (options.out.empty()) throw OptionError("--out DIR is missing");
  RunDirectory directory(options.out);
  CHECK(std::filesystem::exists(directory.state_path()), "nothing to resume: {} does not exist; train without --resume first",
        directory.state_path());
  auto lock = std::make_unique<RunLock>(options.out);
  nn::remove_unfinished(options.out);
  RunState state = directory.load_state();
  state.options = resumed_options(state.options, options, directory);
  const tensor::Device device = tensor::parse_device(state.options.device);
  ensure_writable_directory(options.out);
  directory.load_log(state.epoch);
  const auto note = [&](const std::string& began, const std::string& here, const char* what) {
    if (began != here && callbacks.report)
      callbacks.report(
          fmt::format("note: the run began {0} {1}, this process runs {0} {2}; the last bits may differ\n", what, began, here));
  };
  note(state.isa, std::string(tensor::name(tensor::isa())), "with");
  note(state.device_name, device_name(device), "on");
  note(state.commit, std::string(mode::commit()), "with commit");
  return Trainer(std::move(lock), std::move(state), std::move(directory), std::move(callbacks));
}

Trainer::Trainer(std::unique_ptr<RunLock> lock, RunState state, RunDirectory directory, TrainCallbacks callbacks)
    : state_(std::move(state)),
      directory_(std::move(directory)),
      callbacks_(std::move(callbacks)),
      lock_(std::move(lock)),
      device_(tensor::parse_device(state_.options.device)) {
  open_images();
  build();
  directory_.restore(*net_, *objective_, *sgd_);
}

void Trainer::open_images() {
  const TrainOptions& options = state_.options;
  if (options.threads > 0) tensor::set_num_threads(static_cast<int>(options.threads));
  all_ = nn::open_dataset(options.data, framing_of(options));
  CHECK(all_->classes() >= 2, "{} has {} classes; training needs labeled images of at least two", options.data, all_->classes());
  for (int64_t index = 0; index < all_->size(); ++index)
    CHECK(all_->label(index) >= 0, "{}: {} has no label; training needs a label for every image", options.data, all_->image_name(index));
  if (!options.monitor.empty()) {
    monitor_ = nn::open_dataset(options.monitor, framing_of(options));
    CHECK(monitor_->class_names() == all_->class_names(), "--monitor {}: its classes differ from those of --data {}", options.monitor,
          options.data);
  }
  const std::string data_hash = hash_of(*all_);
  if (state_.data_hash.empty()) state_.data_hash = data_hash;
  CHECK(state_.data_hash == data_hash,
        "the images (their names, sizes or order), labels or classes of {} are not those that the run began with; restore them, or start "
        "a new run in another --out",
        options.data);

  nn::Split split = nn::split_by_class(*all_, options.val_fraction, val_seed_of(options));
  validation_ids_ = std::move(split.validation);
  training_ = options.read_size > 0 ? nn::open_dataset(options.data, read_framing_of(options)) : all_;
  if (!validation_ids_.empty()) {
    training_ = nn::subset(training_, std::move(split.training));
    validation_ = nn::subset(all_, validation_ids_);
  }
  const std::string val_hash = hash_of(validation_ids_);
  if (state_.val_hash.empty()) state_.val_hash = val_hash;
  CHECK(state_.val_hash == val_hash, "the validation split of {} differs from the one the run began with; start a new run in another --out",
        options.data);
  CHECK(options.patience == 0 || validation_,
        "--patience needs a validation split, and --val-fraction {:g} of {} is empty; use a larger one", options.val_fraction,
        options.data);
}

void Trainer::build() {
  const TrainOptions& options = state_.options;
  if (state_.isa.empty()) state_.isa = tensor::name(tensor::isa());
  if (state_.device_name.empty()) state_.device_name = device_name(device_);
  if (state_.commit.empty()) state_.commit = mode::commit();
  net_ = nn::make_resnet(options.arch,
                         {.classes = training_->classes(), .stem = options.stem, .shortcut = options.shortcut, .seed = options.seed});
  check_last_batch(*net_, options, training_->size());
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
  const int64_t steps_per_epoch = tensor::ceil_div(training_->size(), options.batch);
  schedule_.kind = options.schedule;
  schedule_.lr = options.lr;
  schedule_.final_ratio = options.final_ratio;
  for (const int64_t epoch : options.milestones) schedule_.milestones.push_back(epoch * steps_per_epoch);
  schedule_.gamma = options.gamma;
  schedule_.warmup_start = std::min(options.warmup_start, options.lr);
  schedule_.warmup_steps = options.warmup_epochs * steps_per_epoch;
  schedule_.total_steps = options.epochs * steps_per_epoch;
}

/// The weights of another network, and the projection head of its run where both runs have one.
void Trainer::load_base(const std::string& path) {
  const nn::LoadedModel model = nn::load_model(path);
  nn::load_weights(*net_, nn::export_weights(*model.net));
  report(fmt::format("from       {}: {}\n", path, model.report.to_string()));
  RunDirectory base(std::filesystem::path(path).parent_path().string());
  if (!objective_->has_head() || !std::filesystem::exists(base.state_path())) return;
  base.load_state();
  std::map<std::string, tensor::Tensor> head;
  for (const auto& [name, tensor] : base.objective_tensors())
    if (name.rfind("head.", 0) == 0) head.emplace(name, tensor);
  if (head.empty()) return;
  nn::load_weights(*objective_, head);
  report(fmt::format("head       {}: {} tensors\n", base.state_path(), head.size()));
}

/// Writes an empty log and the state at step 0.
void Trainer::start() {
  if (!state_.options.from.empty()) load_base(state_.options.from);
  state_.preprocessing = nn::preprocessing_for(*training_, state_.options.size, state_.options.mean, state_.options.std);
  state_.preprocessing.crop = all_->framing().crop;
  state_.preprocessing.short_side = all_->framing().short_side;
  std::filesystem::remove(directory_.model_path());
  std::filesystem::remove(directory_.best_path());
  directory_.begin_log();
  save();
}

TrainOptions finetune_defaults() {
  TrainOptions options;
  options.made_by = "finetune";
  options.loss = BaseLoss::none;
  options.alpa = AlpaUse::joint;
  options.arch.clear();  // of the network in `from`
  options.weight_decay = 1e-4;
  return options;
}

TrainOptions finetune_options(TrainOptions options) {
  options.made_by = "finetune";
  options.loss = BaseLoss::none;
  options.alpa = AlpaUse::joint;
  if (options.from.empty()) throw OptionError("--from MODEL is missing: the trained network to start from");
  const nn::LoadedModel model = nn::load_model(options.from, {.arch = options.arch, .mean = options.mean, .std = options.std});
  const nn::Checkpoint& base = model.checkpoint;
  CHECK(base.has_preprocessing, "{} lacks the normalization of its images; give --mean and --std, three numbers each", options.from);
  options.arch = model.net->arch();
  options.stem = model.net->config().stem;
  options.shortcut = model.net->config().shortcut;
  options.size = base.preprocessing.size;
  options.crop = base.preprocessing.crop;
  options.short_side = base.preprocessing.short_side;
  options.mean.assign(base.preprocessing.mean, base.preprocessing.mean + 3);
  options.std.assign(base.preprocessing.std, base.preprocessing.std + 3);
  // The base's validation split stays untrained; otherwise no image would be left to choose a threshold on.
  const auto metadata = [&](const char* key, const char* earlier_key, const char* otherwise) {
    for (const char* name : {key, earlier_key})
      if (const auto found = base.metadata.find(name); found != base.metadata.end()) return found->second;
    return std::string(otherwise);
  };
  try {
    options_from_text({{"val-fraction", metadata("val_fraction", "holdout", "0")}, {"val-seed", metadata("val_seed", "holdout_seed", "")}},
                      options);
  } catch (const OptionError& error) {  // the file is at fault, not the command line
    throw tensor::Error(fmt::format("{}: {}; the file is damaged", options.from, error.what()));
  }
  if (!options.data.empty() && !nn::validation_ids(base).empty()) {
    const std::shared_ptr<const nn::Dataset> data = nn::open_dataset(options.data, base.preprocessing.framing());
    nn::validation_images(base, data);  // an Error for other names
    CHECK(nn::split_by_class(*data, options.val_fraction, val_seed_of(options)).validation == nn::validation_ids(base),
          "{} is not the dataset {} was trained on: images of its validation split would be trained on; pass the same dataset, with its "
          "limit=",
          options.data, options.from);
  }
  const BaseLoss loss = nn::value_of(metadata("loss", "loss", "ce"), base_losses()).value_or(BaseLoss::cross_entropy);
  options.alpa_by_image = loss == BaseLoss::simclr && !options.alpa_labels;
  // Two views after a contrastive loss, one after cross-entropy, as in the paper.
  if (options.given.count("views") == 0 && options.preset.empty()) options.views = is_contrastive(loss) ? 2 : 1;
  if (options.given.count("augment") == 0 && options.preset.empty()) options.augment = is_contrastive(loss) ? "contrastive" : "crop-flip";
  return options;
}

}  // namespace mode
