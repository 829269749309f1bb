// What a training run prints: what it is about to do, and a line for each epoch.
#include <cmath>

#include "mode/training/trainer.h"
#include "nn/text.h"
#include "tools/commands/common.h"

namespace mode::tools {

std::string Training::schedule_text() const {
  const TrainOptions& o = state_.options;
  std::string text = o.schedule;
  if (schedule_.kind == nn::Schedule::Kind::cosine) text += fmt::format(" to {:g}", o.lr * o.final_ratio);
  if (schedule_.kind == nn::Schedule::Kind::step) text += fmt::format(", times {:g} after epoch {}", o.gamma, nn::joined(o.milestones));
  if (o.warmup_epochs > 0) text += fmt::format(", {} warm-up epochs from {:g}", o.warmup_epochs, schedule_.warmup_start);
  return text;
}

std::string Training::objective_text() const {
  const TrainOptions& o = state_.options;
  std::string text = o.loss == "ce"     ? "cross-entropy"
                     : o.loss == "none" ? ""
                                        : fmt::format("{} at temperature {:g}{}, projection to 128", o.loss, o.temperature,
                                                      o.loss_scale == 1 ? "" : fmt::format(" times {:g}", o.loss_scale));
  if (o.alpa != "off")
    text += fmt::format("{}ALPA{}, temperature {:g}, {} over at most {} x {} regions, positives by {}", text.empty() ? "" : " + ",
                        o.alpa_weight == 1 ? "" : fmt::format(" times {:g}", o.alpa_weight), o.alpa_temperature, o.alpa_aggregate,
                        o.alpa_grid, o.alpa_grid, objective_->options().alpa_by_image ? "image" : "label");
  if (views_of(o) > 1) text += fmt::format("; {} views of each image", views_of(o));
  return text;
}

void Training::print_head() const {
  const TrainOptions& o = state_.options;
  const nn::Preprocessing& input = state_.preprocessing;
  fmt::print("mode train: {}, seed {}\n", machine_line(device_), o.seed);
  if (!o.preset.empty()) fmt::print("preset     {}: {}\n", o.preset, preset_line(o));
  fmt::print("data       {}: {} images, {} classes; {}, {}; mean {:.4f} {:.4f} {:.4f}, std {:.4f} {:.4f} {:.4f}\n", o.data,
             with_commas(data_->size()), data_->classes(),
             o.crop == "center" ? "short side resized, middle cut out" : "squashed to the square",
             o.augment == "none" ? "no augmentation" : "augmentation " + o.augment, input.mean[0], input.mean[1], input.mean[2],
             input.std[0], input.std[1], input.std[2]);
  fmt::print("objective  {}\n", objective_text());
  if (held_out_)
    fmt::print("held out   {} of {} images, never trained on{}\n", with_commas(held_out_->size()), with_commas(all_->size()),
               objective_->trains_classifier() ? "; the best epoch is chosen on them" : "");
  else if (o.holdout > 0)
    fmt::print("held out   none: a share of {:g} is less than half an image of every class\n", o.holdout);
  if (val_) fmt::print("validation {}: {} images\n", o.val, with_commas(val_->size()));
  fmt::print("schedule   {} epochs of {} steps, batch {}, lr {:g} ({}){}\n", o.epochs, schedule_.total_steps / o.epochs, o.batch, o.lr,
             schedule_text(), o.patience > 0 ? fmt::format(", ends {} epochs after the best", o.patience) : "");
  const std::vector<std::string> undecayed = sgd_->undecayed();
  fmt::print("optimizer  SGD, momentum {:g}{}, weight decay {:g}{}{}{}\n\n", o.momentum, o.nesterov ? " (Nesterov)" : "", o.weight_decay,
             o.no_decay_norm_bias ? fmt::format(" but for {} parameters of one axis", undecayed.size()) : "",
             o.clip > 0 ? fmt::format(", gradients clipped at norm {:g}", o.clip) : "",
             o.label_smoothing > 0 ? fmt::format(", label smoothing {:g}", o.label_smoothing) : "");
  if (!undecayed.empty()) fmt::print("not decayed: {}\n\n", nn::joined(undecayed));
  print_layer_table(*net_, o.size);
  fmt::print("\n");
  if (state_.step > 0) fmt::print("going on in epoch {} of {}, after {} steps\n", state_.epoch + 1, o.epochs, state_.step);
  std::fflush(stdout);
}

/// The terms where there is more to say than their sum; beside a contrastive one, what it is when all features are equal.
std::string Training::terms_text(const EpochRow& row) const {
  std::string text;
  const auto views = static_cast<double>(views_of(state_.options) * state_.options.batch);
  const auto add = [&](const char* name, double value, double collapsed) {
    if (std::isnan(value)) return;
    text += fmt::format("{}{} {:.4f}", text.empty() ? "" : ", ", name, value);
    if (collapsed > 0) text += fmt::format(" (collapsed: {:.4f})", collapsed);
  };
  const bool alone = std::isnan(row.alpa) && std::isnan(row.contrastive);
  if (!alone) add("cross-entropy", row.cross_entropy, 0);
  if (views >= 2) {
    add(state_.options.loss.c_str(), row.contrastive, state_.options.loss_scale * std::log(views - 1));
    add("alpa", row.alpa, std::log(views - 1));
  }
  return text.empty() ? text : " (" + text + ")";
}

void Training::print_epoch(const EpochRow& row, bool better) const {
  fmt::print("epoch {}/{}: loss {:.4f}{}", row.epoch, state_.options.epochs, row.loss, terms_text(row));
  if (objective_->trains_classifier()) fmt::print(", train accuracy {:.2f} %", 100 * row.train_accuracy);
  if (held_out_ && objective_->trains_classifier())
    fmt::print(", held out {:.2f} %{}", 100 * row.held_out.accuracy, better ? " (best)" : "");
  if (val_ && objective_->trains_classifier()) fmt::print(", val accuracy {:.2f} %", 100 * row.val.accuracy);
  fmt::print(", lr {:.3g}, {:.0f} images/s, {}", row.lr, row.images_per_second, format_seconds(row.seconds));
  if (row.data_seconds > 0.1 * row.seconds) fmt::print(", {:.0f} % of it waiting for images", 100 * row.data_seconds / row.seconds);
  fmt::print("\n");
  for (const auto& [name, value] : {std::pair(state_.options.loss.c_str(), row.contrastive), std::pair("alpa", row.alpa)})
    if (value == 0)
      fmt::print(
          "note: {} was 0 in every batch and taught nothing: what it compares are the images of a batch with others of their label, "
          "or with other views; take a larger --batch or more --views\n",
          name);
  std::fflush(stdout);
}

}  // namespace mode::tools
