#include "tools/commands/commands.h"

#include "nn/checkpoint.h"
#include "nn/data/split.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

std::string metadata_of(const nn::Checkpoint& checkpoint, const std::string& key, const std::string& fallback) {
  const auto found = checkpoint.metadata.find(key);
  return found == checkpoint.metadata.end() ? fallback : found->second;
}

/// The share and seed of the base's hold-out choose the same images of the same set alone.
void check_held_out(const TrainOptions& options, const nn::Checkpoint& base) {
  if (options.data.empty() || nn::validation_ids(base).empty()) return;
  const std::shared_ptr<const nn::Dataset> data = nn::open_dataset(options.data, base.preprocessing.framing());
  nn::validation_images(base, data);  // an Error where the names are others
  CHECK(nn::split_by_class(*data, options.holdout, holdout_seed_of(options)).validation == nn::validation_ids(base),
        "{} is not the set that {} was trained on: what it held out would be trained on; name the same images, limit= and all",
        options.data, options.from);
}

}  // namespace

TrainOptions finetune_defaults() {
  TrainOptions options;
  options.arch.clear();  // the network's own
  options.weight_decay = 1e-4;
  return options;
}

int run_finetune(TrainOptions options) {
  options.made_by = "finetune";
  options.loss = "none";
  options.alpa = "joint";
  if (options.resume || options.preset == "list") return run_train(options);
  if (options.from.empty()) throw UsageError("--from MODEL is needed: the trained network to begin with");
  const nn::LoadedModel model = nn::load_model(options.from, {.arch = options.arch, .mean = options.mean, .std = options.std});
  const nn::Checkpoint& base = model.checkpoint;
  CHECK(base.has_preprocessing, "{} does not say how its images were normalized; give --mean and --std, three numbers each", options.from);
  const nn::ResNetConfig& config = model.net->config();
  options.arch = model.net->arch();
  options.stem = config.stem == nn::Stem::imagenet ? "imagenet" : "cifar";
  options.shortcut = config.shortcut == nn::Shortcut::option_a ? "a" : "projection";
  options.size = base.preprocessing.size;
  options.crop = base.preprocessing.crop == nn::Crop::center ? "center" : "squash";
  options.short_side = base.preprocessing.short_side;
  options.mean.assign(base.preprocessing.mean, base.preprocessing.mean + 3);
  options.std.assign(base.preprocessing.std, base.preprocessing.std + 3);
  // What the base never saw, this must not see either, or no image would be left to set a threshold on.
  const std::map<std::string, std::string> held_out = {{"holdout", metadata_of(base, "holdout", "0")},
                                                       {"holdout-seed", metadata_of(base, "holdout_seed", "")}};
  options_from_text(held_out, options);
  check_held_out(options, base);
  // Two views where the base learned from two; after cross-entropy one, as the paper has it.
  const std::string loss = metadata_of(base, "loss", "ce");
  const bool contrastive = loss == "supcon" || loss == "simclr";
  options.alpa_by_image = loss == "simclr" && !options.alpa_labels;
  if (options.given.count("views") == 0 && options.preset.empty()) options.views = contrastive ? 2 : 1;
  if (options.given.count("augment") == 0 && options.preset.empty()) options.augment = contrastive ? "contrastive" : "crop-flip";
  return run_train(options);
}

}  // namespace mode::tools
