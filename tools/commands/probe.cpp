#include "tools/commands/commands.h"

#include <algorithm>

#include "mode/evaluation/metrics.h"
#include "mode/version.h"
#include "nn/data/split.h"
#include "tools/commands/common.h"
#include "tools/commands/progress.h"

namespace mode::tools {

namespace {

/// The training images without the network's validation split. Of another dataset all images are used, and the split is removed from the
/// metadata.
std::shared_ptr<const nn::Dataset> training_split(std::shared_ptr<const nn::Dataset> data, nn::Checkpoint& checkpoint) {
  const std::vector<int64_t> validation = nn::validation_ids(checkpoint);
  if (validation.empty()) return data;
  try {
    nn::validation_images(checkpoint, data);
  } catch (const tensor::Error&) {
    fmt::print("note: {} is not the network's training dataset; all its images are used, the written file has no validation split\n",
               data->spec());
    nn::forget_validation(checkpoint);
    return data;
  }
  std::vector<int64_t> training;
  for (int64_t index = 0; index < data->size(); ++index)
    if (!std::binary_search(validation.begin(), validation.end(), index)) training.push_back(index);
  fmt::print("validation {} of {} images, the split of the network's training\n", with_commas(static_cast<int64_t>(validation.size())),
             with_commas(data->size()));
  return nn::subset(std::move(data), std::move(training));
}

}  // namespace

int run_probe(const ProbeCommandOptions& options) {
  const tensor::Device device = device_of(options.device);
  use_threads(options.threads);
  if (!options.out.empty()) ensure_writable_file(options.out);
  nn::LoadedModel model = load_usable_model(options.model, {.arch = options.arch, .mean = options.mean, .std = options.std}, device);
  fmt::print("mode probe: {} from {}; {}\n", model.net->arch(), options.model, machine_line(device));
  const nn::Framing framing = model.checkpoint.preprocessing.framing();
  const std::shared_ptr<const nn::Dataset> train_set = training_split(nn::open_dataset(options.data, framing), model.checkpoint);
  const auto test_set = options.test.empty() ? nullptr : nn::open_dataset(options.test, framing);
  const int64_t classes = model.net->config().classes;
  CHECK(train_set->classes() == classes,
        "{} has {} classes, but the network's classifier has {}; choose a dataset of the network's classes", options.data,
        train_set->classes(), classes);

  const Features train = features_of(model, *train_set, 256, "training");
  Progress progress("probe", options.probe.epochs, "epochs");
  const Probe probe = train_probe(train, classes, options.probe, [&](int64_t epoch) { progress.update(epoch); });
  progress.finish("");
  fmt::print("training   {:.2f} % probe accuracy\n", 100 * accuracy(with_probe(train, probe)));
  if (test_set) {
    const Features test = features_of(model, *test_set, 256, "test");
    fmt::print("test       {:.2f} % probe accuracy, {:.2f} % by the {} nearest neighbors\n", 100 * accuracy(with_probe(test, probe)),
               100 * knn_accuracy(train, test, options.k), std::min(options.k, train.size()));
  }
  if (options.out.empty()) return 0;
  nn::Checkpoint checkpoint = model.checkpoint;
  checkpoint.class_names = train_set->class_names();
  checkpoint.metadata["classifier"] = "probe";
  checkpoint.metadata["probe_data"] = options.data;
  checkpoint.metadata["commit"] = mode::commit();
  std::map<std::string, tensor::Tensor> weights = nn::export_weights(*model.net);
  weights["fc.weight"] = probe.weight;
  weights["fc.bias"] = probe.bias;
  nn::load_weights(*model.net, weights);
  nn::save_model(options.out, *model.net, checkpoint);
  fmt::print("model      {}\n", options.out);
  return 0;
}

}  // namespace mode::tools
