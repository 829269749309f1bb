#include "nn/text.h"
#include "tools/commands/commands.h"

#include <algorithm>
#include <map>

#include "mode/detectors/detectors.h"
#include "mode/version.h"
#include "nn/data/dataset.h"
#include "nn/files.h"
#include "nn/resnet.h"
#include "tensor/cuda/cuda.h"
#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

/// "NVIDIA H100 80GB HBM3, sm_90, 79.1 GiB", or why the device cannot be used.
std::string device_text(int index) {
  const std::string reason = tensor::cuda::unavailable_because(index);
  return reason.empty() ? fmt::format("cuda:{}: {}", index, tensor::cuda::description(index)) : reason;
}

void print_devices() {
  const int devices = std::max(1, tensor::cuda::device_count());
  for (int index = 0; index < devices; ++index) fmt::print("{:<10} {}\n", index == 0 ? "devices" : "", device_text(index));
}

void print_program() {
  fmt::print("{}\n", version_text());
  std::vector<std::string> isas;
  for (const tensor::Isa isa : tensor::available_isas()) isas.emplace_back(tensor::name(isa));
  fmt::print("instruction sets {} (MODE_ISA selects a lower one); {} threads\n", nn::joined(isas), tensor::num_threads());
  print_devices();
  fmt::print("networks   {}\n", nn::joined(nn::known_archs(), " "));
  fmt::print("methods    {}\n", nn::joined(known_methods(), " "));
  fmt::print("data       cifar10:DIR  cifar100:DIR  svhn:FILE.mat  folder:DIR  list:FILE  synthetic:NAME; see mode info --help\n");
  fmt::print("synthetic  shapes (ID); OOD sets: {}\n", nn::joined(nn::synthetic_ood_sets(), " "));
}

void print_data(const std::string& spec, int64_t size) {
  const std::unique_ptr<nn::Dataset> dataset = nn::open_dataset(spec, {size});
  fmt::print("{}: {} images of {} x {}, {} classes\n", spec, with_commas(dataset->size()), dataset->image_size(), dataset->image_size(),
             dataset->classes());
  const nn::Framing& framing = dataset->framing();
  fmt::print("  framing    {}\n",
             framing.crop == nn::Crop::squash
                 ? fmt::format("squashed to {0} x {0}", framing.size)
                 : fmt::format("short side to {}, center crop of {} x {}", framing.short_side == 0 ? framing.size : framing.short_side,
                               framing.size, framing.size));
  fmt::print("  cache      {}\n", dataset->cache().empty() ? "none" : dataset->cache());
  fmt::print("  ignored    {} non-image files\n", with_commas(dataset->ignored_files()));
  std::map<int64_t, int64_t> count;
  for (int64_t index = 0; index < dataset->size(); ++index) ++count[dataset->label(index)];
  constexpr size_t most_classes = 20;
  size_t shown = 0;
  for (const auto& [label, images] : count) {
    if (shown++ == most_classes) {
      std::string names;
      for (auto rest = count.find(label); rest != count.end() && names.size() < 1000; ++rest)
        if (rest->first < dataset->classes()) names += (names.empty() ? "" : "; ") + dataset->class_names()[rest->first];
      fmt::print("  ... and {} more classes: {}{}\n", count.size() - most_classes, names, names.size() < 1000 ? "" : "; ...");
      break;
    }
    const std::string name = label < 0 ? "(no label)" : label < dataset->classes() ? dataset->class_names()[label] : "?";
    fmt::print("  {:>4}  {:<24} {:>9} images\n", label, name, with_commas(images));
  }
  for (int64_t index = 0; index < std::min<int64_t>(dataset->size(), 5); ++index)
    fmt::print("  image {}: {}, label {}\n", index, dataset->image_name(index), dataset->label(index));
}

void print_network(const nn::ResNet& net, int64_t size) {
  fmt::print("{}", nn::format_layer_table(net, size));
  fmt::print("\nMFLOP: forward pass of one image, multiply and add count as two. kept KiB: what a training step in f32 keeps of it.\n");
}

/// To a file, whole or not at all, or to stdout.
void write_dot(const InfoOptions& options, const std::string& arch, const nn::ResNetConfig& config, int64_t size) {
  const std::string text = nn::dot_graph(arch, config, size);
  if (options.dot == "-") {
    fmt::print("{}", text);
    return;
  }
  nn::AtomicFile file(options.dot);
  file.write(text.data(), static_cast<int64_t>(text.size()));
  file.commit();
  fmt::print("graph      {}: draw it by dot -Tsvg {} -o graph.svg\n", options.dot, options.dot);
}

void print_model(const InfoOptions& options, const nn::LoadedModel& model) {
  const nn::Preprocessing& input = model.checkpoint.preprocessing;
  fmt::print("{}: {}, {} classes\n", options.model, model.net->arch(), model.net->config().classes);
  fmt::print("weights    {}\n", nn::content_hash(nn::export_weights(*model.net)));
  if (model.checkpoint.has_preprocessing)
    fmt::print("input      {} x {}; mean {:.4f} {:.4f} {:.4f}, std {:.4f} {:.4f} {:.4f}\n", input.size, input.size, input.mean[0],
               input.mean[1], input.mean[2], input.std[0], input.std[1], input.std[2]);
  else
    fmt::print("input      the file states no normalization\n");
  if (!model.checkpoint.class_names.empty()) fmt::print("classes    {}\n", nn::joined(model.checkpoint.class_names));
  for (const auto& [key, value] : model.checkpoint.metadata) {
    constexpr size_t most = 160;
    fmt::print("  {:<20} {}\n", key, value.size() <= most ? value : value.substr(0, most) + " ...");
  }
  fmt::print("{}\n\n", model.report.to_string());
  print_network(*model.net, input.size);
}

}  // namespace

std::string version_text() {
  const std::string built = tensor::cuda::build_description();
  return fmt::format("mode {}, commit {}, {}, CUDA {}{}", mode::version(), mode::commit(), tensor::name(tensor::isa()), built,
                     built == "none" ? "" : fmt::format(" ({})", device_text(0)));
}

int run_info(const InfoOptions& options) {
  const bool network = !options.arch.empty() || !options.model.empty();
  if (!options.dot.empty() && !network) throw UsageError("--dot draws a network: name it by --arch or --model");
  if (options.dot == "-" && !options.data.empty())
    throw UsageError("--dot - writes only the graph to stdout; run --data as a separate command");
  for (const auto& [name, value] : {std::pair{"--stem", &options.stem}, std::pair{"--shortcut", &options.shortcut}})
    if (!value->empty() && (options.arch.empty() || !options.model.empty()))
      throw UsageError(fmt::format("{} is for --arch without --model; the file of a model determines it", name));
  const tensor::Device device = device_of(options.device);
  if (!device.is_cpu()) fmt::print("device     {}: {}\n", device.to_string(), device_name(device));
  const bool dot_alone = options.dot == "-";
  if (!options.model.empty()) {
    const nn::LoadedModel model = nn::load_model(options.model, {.arch = options.arch, .mean = options.mean, .std = options.std});
    if (!dot_alone) print_model(options, model);
    if (!options.dot.empty()) write_dot(options, model.net->arch(), model.net->config(), model.checkpoint.preprocessing.size);
  } else if (!options.arch.empty()) {
    nn::ResNetConfig config;
    config.classes = options.classes;
    if (!options.stem.empty()) config.stem = parse_stem(options.stem);
    config.shortcut = parse_shortcut(options.shortcut);
    if (!dot_alone) print_network(*nn::make_resnet(options.arch, config, /*initialized=*/false), options.size);
    if (!options.dot.empty()) write_dot(options, options.arch, config, options.size);
  }
  if (!options.data.empty()) print_data(options.data, options.size);
  if (!options.sheet.path.empty()) {
    if (options.data.empty()) throw UsageError("--sheet needs --data SPEC, the images to show");
    SheetOptions sheet = options.sheet;
    sheet.size = options.size;
    const int64_t rows = write_sheet(*nn::open_dataset(options.data, {options.read_size > 0 ? options.read_size : options.size}), sheet);
    fmt::print("sheet      {}: {} images, each with {} views of {}\n", sheet.path, rows, sheet.augment == "none" ? 0 : sheet.views,
               sheet.augment);
  }
  if (options.model.empty() && options.arch.empty() && options.data.empty()) print_program();
  return 0;
}

}  // namespace mode::tools
