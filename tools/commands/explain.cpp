#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <initializer_list>

#include "mode/report/drawing.h"
#include "mode/report/explain.h"
#include "mode/training/run_directory.h"
#include "mode/training/trainer.h"
#include "nn/data/image_io.h"
#include "nn/data/readers.h"
#include "nn/text.h"
#include "tools/commands/commands.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

/// The files as a dataset without labels; a file is decoded when its image is read.
std::unique_ptr<nn::Dataset> open_images(const std::vector<std::string>& paths, const nn::Framing& framing) {
  nn::ImageFiles files;
  files.spec = "the given images";
  for (const std::string& path : paths) files.entries.push_back({path, -1});
  return nn::open_image_files(std::move(files), nn::DataOptions({}, {}), framing);
}

nn::LoadedModel load_model_of(const ExplainOptions& options) {
  return load_usable_model(options.model, {.arch = options.arch, .mean = options.mean, .std = options.std}, device_of(options.device));
}

/// The network and ALPA's heads of a training run. The shapes in the state are checked before memory is allocated by them.
AttentionModel attention_model_of_run(const std::string& path, tensor::Device device) {
  CHECK(!std::filesystem::is_regular_file(path),
        "{} is a file, but --run names the folder of a training run; a network alone is for --model", path);
  RunDirectory directory(path);
  CHECK(std::filesystem::exists(directory.state_path()), "{} does not exist; --run needs the directory of mode train --out",
        directory.state_path());
  const RunState state = directory.load_state();
  const TrainOptions& options = state.options;
  const std::map<std::string, tensor::Tensor> weights = directory.network_tensors();
  std::map<std::string, tensor::Tensor> of_heads;
  for (const auto& [name, tensor] : directory.objective_tensors())
    if (name.rfind("alpa.", 0) == 0) of_heads.emplace(name.substr(5), tensor);
  CHECK(!of_heads.empty(), "{} was trained without ALPA and has no heads; use the attention of its local features with --model {}", path,
        directory.model_path());

  const int64_t embedding = nn::feature_dim_of(options.arch);
  const auto rows_of_matrix = [&](const std::map<std::string, tensor::Tensor>& tensors, const std::string& name) {
    const auto found = tensors.find(name);
    CHECK(found != tensors.end() && found->second.rank() == 2 && found->second.dim(0) >= 1 && found->second.dim(1) == embedding,
          "{}: no {} (.., {}), which its arch {} needs; the file is damaged", directory.state_path(), name, embedding, options.arch);
    return found->second.dim(0);
  };
  nn::ResNetConfig config;
  config.classes = rows_of_matrix(weights, "fc.weight");
  config.stem = options.stem;
  config.shortcut = options.shortcut;
  AttentionModel model;
  model.net = nn::make_resnet(options.arch, config, /*initialized=*/false);
  nn::load_weights(*model.net, weights);
  model.net->to(device);
  model.heads = std::make_unique<AlpaHeads>(embedding, rows_of_matrix(of_heads, "query.2.weight"));
  nn::load_weights(*model.heads, of_heads);
  model.preprocessing = state.preprocessing;
  for (const double std : model.preprocessing.std)
    CHECK(std > 0 && std::isfinite(std), "{}: std = {}, expected a finite number > 0; the file is damaged", directory.state_path(), std);
  model.alpa = objective_of(options).alpa;
  model.name = fmt::format("{}, {} epochs into {}", options.arch, state.epoch, path);
  return model;
}

AttentionModel attention_model_of(const ExplainOptions& options) {
  if (!options.run.empty()) return attention_model_of_run(options.run, device_of(options.device));
  nn::LoadedModel model = load_model_of(options);
  const std::string name = fmt::format("{} from {}", model.net->arch(), options.model);
  return {.net = std::move(model.net), .preprocessing = model.checkpoint.preprocessing, .heads = nullptr, .alpa = {}, .name = name};
}

int explain_pair(const ExplainOptions& options) {
  AttentionModel model = attention_model_of(options);
  const nn::Preprocessing& input = model.preprocessing;
  CHECK(input.size >= 1 && input.size <= 4096, "{}: images of {} x {} pixels; the edge must be 1 to 4096", model.name, input.size,
        input.size);
  fmt::print("mode explain: {}; {}\n", model.name, machine_line(device_of(options.device)));
  const auto images = open_images(options.images, input.framing());
  for (int64_t at = 0; at < 2; ++at) image_of(*images, at);  // a damaged file fails before the network runs

  const PairAttention pair = attention_of_pair(model, *images, options.grid, options.temperature);
  std::vector<size_t> directions;
  if (options.direction != "ba") directions.push_back(0);
  if (options.direction != "ab") directions.push_back(1);
  fmt::print("A          {}\nB          {}\n{}", nn::printable(options.images[0]), nn::printable(options.images[1]),
             format_pair(pair, model, options.temperature, directions));
  const PairImage drawn = draw_pair(pair, *images, directions, options.stretch);
  nn::write_png(options.out, drawn.image);
  if (options.stretch)
    fmt::print("\nimage      {}: colors of each tile from its least attention (no color) to its largest (yellow)\n", options.out);
  else
    fmt::print("\nimage      {}: yellow is attention of {:.3f} or more, no color is 0 (uniform attention: {:.3f})\n", options.out,
               drawn.full, 1.0 / static_cast<double>(pair.rows * pair.columns));
  return 0;
}

int explain_nearest(const ExplainOptions& options) {
  nn::LoadedModel model = load_model_of(options);
  fmt::print("mode explain: {} from {}; {}\n", model.net->arch(), options.model, machine_line(device_of(options.device)));
  const nn::Framing framing = model.checkpoint.preprocessing.framing();
  const auto training = nn::open_dataset(options.id, framing);
  const auto file = open_images(options.images, framing);
  const std::vector<std::string> scale_sets = options.scales.empty() ? csd_scale_sets() : options.scales;
  const Features of_image = extract_features(*model.net, *file, model.checkpoint.preprocessing, 1, {}, scale_sets);
  make_neighbor_detector("csd", {.k = options.k})->check_bank(training->size(), of_image.scales);

  const Features of_training = features_of(model, *training, options.batch, "ID training", scale_sets);
  const NearestRegions regions = nearest_regions(of_image, of_training, options.k, options.nearest);
  fmt::print("image      {}\n{}", nn::printable(options.images[0]), format_nearest(regions, *training));
  nn::write_png(options.out, draw_nearest(regions, image_of(*file, 0), *training));
  fmt::print("\nimage      {}: the decisive region, and the {} nearest training regions\n", options.out, regions.neighbors.size());
  return 0;
}

void refuse(const ExplainOptions& options, std::initializer_list<const char*> names, const char* what_for) {
  for (const char* name : names)
    if (options.given.count(name) != 0) throw UsageError(fmt::format("--{} is for {}", name, what_for));
}

void check_options(const ExplainOptions& options) {
  if (options.images.size() == 2) {
    refuse(options, {"id", "k", "nearest", "scales", "batch"}, "one image and its training images; two images are given");
    if (options.run.empty() == options.model.empty())
      throw UsageError("two images need either --run DIR (attention of ALPA's heads) or --model FILE (attention of the local features)");
    if (!options.run.empty()) refuse(options, {"arch", "mean", "std"}, "--model; a run records its own");
    if (!options.run.empty()) refuse(options, {"temperature"}, "--model; ALPA's heads have no temperature");
  } else if (options.images.size() == 1) {
    refuse(options, {"run", "grid", "temperature", "direction", "stretch"}, "two images; one image is given");
    if (options.model.empty() || options.id.empty())
      throw UsageError("one image needs --model FILE and --id SPEC, the training images that it is compared with");
  } else {
    throw UsageError(fmt::format("{} images; give one or two", options.images.size()));
  }
  std::vector<std::string> inputs = options.images;
  inputs.insert(inputs.end(), {options.model, options.run + "/state.safetensors", options.run + "/model.safetensors"});
  for (const std::string& path : inputs) {
    std::error_code ignored;
    if (std::filesystem::equivalent(path, options.out, ignored))
      throw UsageError(fmt::format("--out {} is an input and would be overwritten; choose another file", options.out));
  }
}

}  // namespace

int run_explain(const ExplainOptions& options) {
  check_options(options);
  device_of(options.device);
  use_threads(options.threads);
  ensure_writable_file(options.out);
  return options.images.size() == 2 ? explain_pair(options) : explain_nearest(options);
}

}  // namespace mode::tools
