// The texts of a training run: its description, one line per epoch, and progress.
#include <cmath>

#include "mode/training/trainer.h"
#include "mode/version.h"
#include "nn/text.h"

namespace mode {

std::string Trainer::schedule_text() const {
  const TrainOptions& o = state_.options;
  std::string text = nn::name_of(o.schedule, nn::schedule_names());
  if (o.schedule == nn::Schedule::Kind::cosine) text += fmt::format(" to {:g}", o.lr * o.final_ratio);
  if (o.schedule == nn::Schedule::Kind::step) text += fmt::format(", times {:g} after epochs {}", o.gamma, nn::joined(o.milestones));
  if (o.warmup_epochs > 0) text += fmt::format(", {} warm-up epochs from {:g}", o.warmup_epochs, schedule_.warmup_start);
  return text;
}

std::string Trainer::objective_text() const {
  const TrainOptions& o = state_.options;
  const auto factor = [](double weight) { return weight == 1 ? std::string() : fmt::format(" times {:g}", weight); };
  std::string text;
  if (o.loss == BaseLoss::cross_entropy) text = "cross-entropy";
  if (is_contrastive(o.loss))
    text = fmt::format("{} at temperature {:g}{}, projection to {} dimensions", nn::name_of(o.loss, base_losses()), o.temperature,
                       factor(o.loss_scale), objective_->options().projection);
  if (o.alpa != AlpaUse::off)
    text += fmt::format("{}ALPA{}, temperature {:g}, {} over at most {} x {} regions, positives by {}", text.empty() ? "" : " + ",
                        factor(o.alpa_weight), o.alpa_temperature, nn::name_of(o.alpa_aggregate, alpa_aggregates()), o.alpa_grid,
                        o.alpa_grid, objective_->options().alpa_by_image ? "image" : "label");
  if (views_of(o) > 1) text += fmt::format("; {} views of each image", views_of(o));
  return text;
}

std::string Trainer::description() const {
  const TrainOptions& o = state_.options;
  const nn::Preprocessing& input = state_.preprocessing;
  std::string text = fmt::format("mode train: {}, seed {}\n", machine_line(device_), o.seed);
  if (!o.preset.empty()) text += fmt::format("preset     {}: {}\n", o.preset, preset_line(o));
  text += fmt::format("data       {}: {} images, {} classes; {}, {}; mean {:.4f} {:.4f} {:.4f}, std {:.4f} {:.4f} {:.4f}\n", o.data,
                      nn::with_commas(training_->size()), training_->classes(),
                      o.crop == nn::Crop::center ? "short side resized, center crop" : "resized to a square",
                      o.augment == "none" ? "no augmentation" : "augmentation " + o.augment, input.mean[0], input.mean[1], input.mean[2],
                      input.std[0], input.std[1], input.std[2]);
  text += fmt::format("objective  {}\n", objective_text());
  if (validation_)
    text += fmt::format("validation {} of {} images held out{}\n", nn::with_commas(validation_->size()), nn::with_commas(all_->size()),
                        objective_->trains_classifier() ? "; selects the best epoch" : "");
  else if (o.val_fraction > 0)
    text += fmt::format("validation none: {:g} is less than half an image of every class\n", o.val_fraction);
  if (monitor_) text += fmt::format("monitor    {}: {} images\n", o.monitor, nn::with_commas(monitor_->size()));
  text += fmt::format("schedule   {} epochs of {} steps, batch {}, lr {:g} ({}){}\n", o.epochs, schedule_.total_steps / o.epochs, o.batch,
                      o.lr, schedule_text(), o.patience > 0 ? fmt::format(", patience {} epochs", o.patience) : "");
  const std::vector<std::string> undecayed = sgd_->undecayed();
  text += fmt::format("optimizer  SGD, momentum {:g}{}, weight decay {:g}{}{}{}\n\n", o.momentum, o.nesterov ? " (Nesterov)" : "",
                      o.weight_decay, o.no_decay_norm_bias ? fmt::format(" except for {} parameters of one axis", undecayed.size()) : "",
                      o.clip > 0 ? fmt::format(", gradients clipped at norm {:g}", o.clip) : "",
                      o.label_smoothing > 0 ? fmt::format(", label smoothing {:g}", o.label_smoothing) : "");
  if (!undecayed.empty()) text += fmt::format("not decayed: {}\n\n", nn::joined(undecayed));
  text += nn::format_layer_table(*net_, o.size) + "\n";
  if (state_.step > 0 && !finished())
    text += fmt::format("resuming in epoch {} of {}, after {} steps\n", state_.epoch + 1, o.epochs, state_.step);
  return text;
}

void Trainer::report(const std::string& text) const {
  if (callbacks_.report) callbacks_.report(text);
}

void Trainer::report_progress(double seconds, int64_t seen_before) const {
  if (!callbacks_.progress) return;
  const int64_t epoch_images = training_->size(), epochs = state_.options.epochs;
  const auto done = static_cast<double>(state_.seen - seen_before);
  const auto left = static_cast<double>((epochs - state_.epoch) * epoch_images - state_.seen);
  callbacks_.progress({.epoch = state_.epoch + 1,
                       .epochs = epochs,
                       .images = state_.seen,
                       .total = epoch_images,
                       .loss = state_.meters.mean("loss"),
                       .accuracy = state_.meters.mean("accuracy"),
                       .seconds_left = done > 0 ? left * seconds / done : -1});
}

/// The terms of a loss with more than one; for contrastive terms also their value when all features are equal.
std::string Trainer::terms_text(const EpochRow& row) const {
  std::string text;
  const auto views = static_cast<double>(views_of(state_.options) * state_.options.batch);
  const auto add = [&](const std::string& name, double value, double collapsed) {
    if (std::isnan(value)) return;
    text += fmt::format("{}{} {:.4f}", text.empty() ? "" : ", ", name, value);
    if (collapsed > 0) text += fmt::format(" (collapsed: {:.4f})", collapsed);
  };
  const bool alone = std::isnan(row.alpa) && std::isnan(row.contrastive);
  if (!alone) add("cross-entropy", row.cross_entropy, 0);
  if (views >= 2) {
    add(nn::name_of(state_.options.loss, base_losses()), row.contrastive, state_.options.loss_scale * std::log(views - 1));
    add("alpa", row.alpa, std::log(views - 1));
  }
  return text.empty() ? text : " (" + text + ")";
}

void Trainer::report_epoch(const EpochRow& row, bool is_best) const {
  std::string text = fmt::format("epoch {}/{}: loss {:.4f}{}", row.epoch, state_.options.epochs, row.loss, terms_text(row));
  const auto add_accuracy = [&](const char* of, double accuracy) {
    if (!std::isnan(accuracy)) text += fmt::format(", {} accuracy {:.2f} %", of, 100 * accuracy);
  };
  add_accuracy("train", row.train_accuracy);
  add_accuracy("validation", row.validation.accuracy);
  if (is_best) text += " (best)";
  add_accuracy("monitor", row.monitor.accuracy);
  text += fmt::format(", lr {:.3g}, {:.0f} images/s, {}", row.lr, row.images_per_second, nn::format_seconds(row.seconds));
  if (row.data_seconds > 0.1 * row.seconds) text += fmt::format(", data loading {:.0f} %", 100 * row.data_seconds / row.seconds);
  text += "\n";
  for (const auto& [name, value] :
       {std::pair(nn::name_of(state_.options.loss, base_losses()), row.contrastive), std::pair(std::string("alpa"), row.alpa)})
    if (value == 0)
      text += fmt::format(
          "note: {} was 0 in every batch and has no gradient: no batch holds two images of one label or two views of one image; use a "
          "larger "
          "--batch or more --views\n",
          name);
  report(text);
}

}  // namespace mode
