#include "mode/training/trainer.h"

#include <cmath>

#include "mode/evaluation/metrics.h"
#include "mode/version.h"
#include "nn/data/split.h"
#include "nn/gradient_norm.h"
#include "nn/layers.h"
#include "nn/text.h"
#include "tensor/isa.h"
#include "tensor/ops/elementwise.h"

namespace mode {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

bool Trainer::finished() const {
  const bool out_of_patience =
      state_.options.patience > 0 && state_.epoch > 0 && state_.epoch - state_.best_epoch >= state_.options.patience;
  return state_.epoch >= state_.options.epochs || out_of_patience;
}

bool Trainer::run() {
  while (!finished())
    if (!epoch()) return false;
  if (state_.epoch < state_.options.epochs)
    report(fmt::format("ended after epoch {} of {}: no improvement on the validation split in {} epochs since epoch {}\n", state_.epoch,
                       state_.options.epochs, state_.options.patience, state_.best_epoch));
  return true;
}

bool Trainer::epoch() {
  const TrainOptions& options = state_.options;
  CHECK(!finished(), "the run in {} has ended after {} epochs", directory_.path(), state_.epoch);
  net_->train();
  nn::Loader loader(*training_, {.batch = options.batch,
                                 .seed = options.seed,
                                 .epoch = state_.epoch,
                                 .views = views_of(options),
                                 .augment = nn::augment_by_name(options.augment),
                                 .preprocessing = state_.preprocessing,
                                 .workers = static_cast<int>(options.workers),
                                 .first_batch = state_.batch});
  const auto start = std::chrono::steady_clock::now();
  const double seconds_before = state_.seconds, waited_before = state_.data_seconds;
  const int64_t seen_before = state_.seen;
  report_progress(0, seen_before);
  for (const nn::Batch& batch : loader) {
    step(batch);
    state_.seconds = seconds_before + seconds_since(start);
    state_.data_seconds = waited_before + loader.seconds_waited();
    report_progress(seconds_since(start), seen_before);
    const bool stop = stop_requested();
    if (state_.seen == training_->size() || (!stop && !save_is_due())) continue;
    check_weights();
    save();
    if (stop) return false;
  }
  finish_epoch();
  return state_.epoch == options.epochs || !stop_requested();
}

double Trainer::step(const nn::Batch& batch) {
  const TrainOptions& options = state_.options;
  const double lr = schedule_.at(state_.step);
  const auto check_finite = [&](double value, const char* what) {
    CHECK(std::isfinite(value),
          "the {} is {} in epoch {}, step {} (lr {:g}); use a smaller --lr, more --warmup-epochs or --clip, in another --out; {} is "
          "unchanged",
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
  check_finite(norm, "gradient norm");
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
  return value;
}

bool Trainer::save_is_due() const {
  const SaveEvery every = parse_save_every(state_.options.save_every);
  if (every.steps > 0) return state_.step % every.steps == 0;
  return every.minutes > 0 && seconds_since(last_save_) >= 60 * every.minutes;
}

void Trainer::save() {
  directory_.save_state(state_, *net_, *objective_, *sgd_);
  last_save_ = std::chrono::steady_clock::now();
}

/// The last step may have made weights that are not finite before any loss showed it; they must not replace the saved ones.
void Trainer::check_weights() const {
  for (const auto& [name, tensor] : nn::export_weights(*net_))
    CHECK(tensor.dtype() != tensor::Dtype::f32 || tensor::ops::all_finite(tensor),
          "{} is not finite in epoch {}, step {}; use a smaller --lr, more --warmup-epochs or --clip, in another --out", name,
          state_.epoch + 1, state_.step);
}

void Trainer::finish_epoch() {
  check_weights();
  const bool classifies = objective_->trains_classifier();
  const auto& meters = state_.meters;
  EpochRow row{.epoch = ++state_.epoch,
               .step = state_.step,
               .lr = schedule_.at(state_.step - 1),
               .loss = meters.mean("loss"),
               .cross_entropy = meters.mean("cross_entropy"),
               .contrastive = meters.mean(nn::name_of(state_.options.loss, base_losses())),
               .alpa = meters.mean("alpa"),
               .gradient_norm = meters.mean("grad_norm"),
               .train_accuracy = meters.mean("accuracy"),
               .validation = {},
               .monitor = {},
               .images_per_second = state_.seconds > 0 ? static_cast<double>(state_.seen) / state_.seconds : 0,
               .seconds = state_.seconds,
               .data_seconds = state_.data_seconds};
  if (validation_ && classifies) row.validation = evaluate(*validation_);
  if (monitor_ && classifies) row.monitor = evaluate(*monitor_);
  // The validation split alone selects the epoch; the monitored images select nothing.
  const EpochRow::Score& score = row.validation;
  const bool better = validation_ && classifies &&
                      (state_.best_epoch == 0 || score.accuracy > state_.best_accuracy ||
                       (score.accuracy == state_.best_accuracy && score.loss < state_.best_loss));
  if (better) {
    state_.best_epoch = state_.epoch;
    state_.best_accuracy = score.accuracy;
    state_.best_loss = score.loss;
  }
  report_epoch(row, better);

  // The state is written last: a run killed before repeats the epoch and writes the same files again.
  if (better) save_model(directory_.best_path());
  save_model(directory_.model_path());
  directory_.append_log(row);
  state_.meters.clear();
  state_.batch = state_.seen = 0;
  state_.seconds = state_.data_seconds = 0;
  save();
}

EpochRow::Score Trainer::evaluate(const nn::Dataset& images) {
  const autograd::NoGrad no_grad;
  net_->eval();
  nn::Loader loader(images, {.batch = state_.options.batch,
                             .shuffle = false,
                             .preprocessing = state_.preprocessing,
                             .workers = static_cast<int>(state_.options.workers)});
  double loss = 0;
  int64_t right = 0;
  for (const nn::Batch& batch : loader) {
    const tensor::Tensor logits = (*net_)(batch.images.to(device_)).logits.value();
    loss += nn::cross_entropy(nn::Variable(logits), batch.labels.to(device_)).value().item() * static_cast<double>(batch.size());
    right += count_right(logits, batch.labels);
  }
  const auto count = static_cast<double>(images.size());
  return {loss / count, static_cast<double>(right) / count};
}

std::string Trainer::weights_hash() const { return nn::content_hash(nn::export_weights(*net_)); }

void Trainer::save_model(const std::string& path) const {
  const TrainOptions& options = state_.options;
  const std::map<std::string, std::string> text = options_to_text(options);
  nn::Checkpoint checkpoint;
  checkpoint.arch = net_->arch();
  checkpoint.config = net_->config();
  checkpoint.preprocessing = state_.preprocessing;
  checkpoint.has_preprocessing = true;
  checkpoint.class_names = training_->class_names();
  checkpoint.metadata = {{"data", options.data},
                         {"seed", text.at("seed")},
                         {"loss", text.at("loss")},
                         {"alpa", text.at("alpa")},
                         {"classifier", objective_->trains_classifier() ? "trained"
                                        : options.from.empty()          ? "untrained"
                                                                        : "stale"},
                         {"val_fraction", text.at("val-fraction")},
                         {"val_seed", std::to_string(val_seed_of(options))},
                         {"epoch", std::to_string(state_.epoch)},
                         {"step", std::to_string(state_.step)},
                         {"isa", std::string(tensor::name(tensor::isa()))},
                         {"device", device_name(device_)},
                         {"commit", std::string(mode::commit())}};
  if (!options.from.empty()) checkpoint.metadata["from"] = options.from;
  nn::record_validation(checkpoint, *all_, validation_ids_);
  nn::save_model(path, *net_, checkpoint);
}

}  // namespace mode
