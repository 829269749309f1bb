#include "nn/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "nn/safetensors.h"
#include "nn/safetensors_header.h"
#include "nn/text.h"
#include "tensor/isa.h"
#include "tensor/ops/elementwise.h"

namespace nn {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& fault) { throw tensor::Error(fmt::format("{}: {}", path, fault)); }

/// Typed access to the metadata of a file. Errors name the file and the key.
class Metadata {
 public:
  Metadata(const std::string& path, const std::map<std::string, std::string>& values) : path_(path), values_(values) {}

  bool has(const std::string& key) const { return values_.count(key) != 0; }
  std::string text(const std::string& key) const { return has(key) ? values_.at(key) : ""; }
  template <class Integer>
  Integer number(const std::string& key, Integer low, Integer high) const {
    const std::string value = text(key);
    Integer result{};
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error != std::errc() || end != value.data() + value.size() || result < low || result > high)
      bad(key, fmt::format("a whole number from {} to {}", low, high));
    return result;
  }
  void three_numbers(const std::string& key, double* out) const {
    const std::optional<std::vector<double>> numbers = parse_numbers(text(key));
    if (!numbers || numbers->size() != 3) bad(key, "a list of three numbers");
    std::copy(numbers->begin(), numbers->end(), out);
  }
  std::vector<std::string> strings(const std::string& key) const {
    const std::optional<std::vector<std::string>> strings = parse_strings(text(key));
    if (!strings) bad(key, "a list of names");
    return *strings;
  }
  /// The enum value that the key names.
  template <class Enum>
  Enum choice(const std::string& key, const Names<Enum>& names) const {
    if (const auto value = value_of(text(key), names)) return *value;
    bad(key, known_names(names));
  }

 private:
  [[noreturn]] void bad(const std::string& key, const std::string& expected) const {
    fail(path_, fmt::format("its metadata have {} = '{}', expected {}", key, printable(text(key)), expected));
  }

  const std::string& path_;
  const std::map<std::string, std::string>& values_;
};

void apply_override(const char* name, const std::vector<double>& from, double* into) {
  if (from.empty()) return;
  CHECK(from.size() == 3, "{} needs three numbers (red, green, blue), got {}", name, from.size());
  std::copy(from.begin(), from.end(), into);
}

void read_preprocessing(const std::string& path, const Metadata& metadata, const ModelOverrides& overrides, Checkpoint& checkpoint) {
  Preprocessing& preprocessing = checkpoint.preprocessing;
  if (metadata.has("input_size")) preprocessing.size = metadata.number<int64_t>("input_size", 1, 16384);
  if (metadata.has("crop_policy")) preprocessing.crop = metadata.choice("crop_policy", crop_names());
  if (metadata.has("short_side")) preprocessing.short_side = metadata.number<int64_t>("short_side", 0, 8192);
  if (metadata.has("mean")) metadata.three_numbers("mean", preprocessing.mean);
  if (metadata.has("std")) metadata.three_numbers("std", preprocessing.std);
  apply_override("mean", overrides.mean, preprocessing.mean);
  apply_override("std", overrides.std, preprocessing.std);
  const bool has_mean = metadata.has("mean") || !overrides.mean.empty(), has_std = metadata.has("std") || !overrides.std.empty();
  if (has_mean != has_std)
    fail(path, fmt::format("there is a {} but no {}; give both", has_mean ? "mean" : "std", has_mean ? "std" : "mean"));
  checkpoint.has_preprocessing = has_mean;
  check_normalization(preprocessing, path);
}

/// The configuration of the network, from the metadata or else from the tensors.
ResNetConfig read_config(const std::string& path, const std::string& arch, const Metadata& metadata,
                         const std::map<std::string, Tensor>& tensors) {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, tensor] : tensors) shapes[canonical_name(name)] = tensor.shape();
  const auto shape = [&](const std::string& name, int rank) {
    const auto found = shapes.find(name);
    if (found == shapes.end()) fail(path, fmt::format("it has no tensor {}: it is not a checkpoint of a ResNet", name));
    if (found->second.rank() != rank)
      fail(path,
           fmt::format("{} has shape {}, expected {} axes: it is not a checkpoint of a ResNet", name, found->second.to_string(), rank));
    return found->second;
  };
  ResNetConfig config;
  // The file sets the size of the classifier. Checking its width keeps a shape such as (2^40, 0) from allocating terabytes.
  const Shape fc = shape("fc.weight", 2);
  if (fc[0] < 1 || fc[1] != feature_dim_of(arch))
    fail(path, fmt::format("its fc.weight has shape {}, arch {} needs (classes, {})", fc.to_string(), arch, feature_dim_of(arch)));
  config.classes = fc[0];
  if (metadata.has("classes") && metadata.number<int64_t>("classes", 1, int64_t{1} << 40) != config.classes)
    fail(path, fmt::format("its metadata have {} classes, its fc.weight has {} rows", metadata.text("classes"), config.classes));
  const Shape conv1 = shape("conv1.weight", 4);
  if (metadata.has("stem")) {
    config.stem = metadata.choice("stem", stem_names());
  } else if (conv1[2] == 3 || conv1[2] == 7) {
    config.stem = conv1[2] == 7 ? Stem::imagenet : Stem::cifar;
  } else {
    fail(path, fmt::format("its conv1.weight has shape {}; expected kernels of 3 (CIFAR) or 7 (ImageNet)", conv1.to_string()));
  }
  if (metadata.has("shortcut")) {
    config.shortcut = metadata.choice("shortcut", shortcut_names());
  } else {
    const bool has_downsample =
        std::any_of(shapes.begin(), shapes.end(), [](const auto& item) { return item.first.find(".downsample.") != std::string::npos; });
    config.shortcut = has_downsample ? Shortcut::projection : Shortcut::option_a;
  }
  if (metadata.has("seed")) config.seed = metadata.number<uint64_t>("seed", 0, ~uint64_t{0});
  return config;
}

}  // namespace

LoadedModel load_model(const std::string& path, const ModelOverrides& overrides) {
  TensorFile file = read_safetensors(path);
  const Metadata metadata(path, file.metadata);
  LoadedModel result;
  Checkpoint& checkpoint = result.checkpoint;
  checkpoint.arch = metadata.text("arch");
  if (!overrides.arch.empty()) {
    if (!checkpoint.arch.empty() && checkpoint.arch != overrides.arch)
      fail(path,
           fmt::format("its metadata have arch {}, but {} was requested; drop that option", printable(checkpoint.arch), overrides.arch));
    checkpoint.arch = overrides.arch;
  }
  if (checkpoint.arch.empty()) fail(path, fmt::format("its metadata have no arch; give one of {}", joined(known_archs())));
  const std::vector<std::string> archs = known_archs();
  if (std::find(archs.begin(), archs.end(), checkpoint.arch) == archs.end())
    fail(path, fmt::format("unknown arch '{}'; known: {}", printable(checkpoint.arch), joined(archs)));

  checkpoint.config = read_config(path, checkpoint.arch, metadata, file.tensors);
  read_preprocessing(path, metadata, overrides, checkpoint);
  if (metadata.has("class_names")) {
    checkpoint.class_names = metadata.strings("class_names");
    if (!checkpoint.class_names.empty() && static_cast<int64_t>(checkpoint.class_names.size()) != checkpoint.config.classes)
      fail(path, fmt::format("its metadata name {} classes, its fc.weight has {} rows", checkpoint.class_names.size(),
                             checkpoint.config.classes));
  }
  result.net = make_resnet(checkpoint.arch, checkpoint.config, /*initialized=*/false);
  try {
    result.report = load_weights(*result.net, file.tensors);
  } catch (const tensor::Error& error) {
    fail(path, fmt::format("{} (arch {})", error.what(), checkpoint.arch));
  }
  result.net->eval();
  checkpoint.metadata = std::move(file.metadata);
  return result;
}

void save_model(const std::string& path, const ResNet& net, const Checkpoint& checkpoint) {
  const ResNetConfig& config = net.config();
  CHECK(checkpoint.class_names.empty() || static_cast<int64_t>(checkpoint.class_names.size()) == config.classes,
        "cannot write {}: {} class names for {} classes; give one name per class", path, checkpoint.class_names.size(), config.classes);
  check_normalization(checkpoint.preprocessing, path);
  TensorFile file;
  file.metadata = checkpoint.metadata;
  file.metadata["arch"] = net.arch();
  file.metadata["classes"] = std::to_string(config.classes);
  file.metadata["class_names"] = format_strings(checkpoint.class_names);
  file.metadata["stem"] = name_of(config.stem, stem_names());
  file.metadata["shortcut"] = name_of(config.shortcut, shortcut_names());
  file.metadata["input_size"] = std::to_string(checkpoint.preprocessing.size);
  file.metadata["mean"] = format_numbers({checkpoint.preprocessing.mean, checkpoint.preprocessing.mean + 3});
  file.metadata["std"] = format_numbers({checkpoint.preprocessing.std, checkpoint.preprocessing.std + 3});
  file.metadata["seed"] = std::to_string(config.seed);
  file.metadata["isa"] = std::string(tensor::name(tensor::isa()));
  file.metadata["crop_policy"] = name_of(checkpoint.preprocessing.crop, crop_names());
  file.metadata["short_side"] = std::to_string(checkpoint.preprocessing.short_side);
  file.metadata.emplace("resize_filter", "antialiased bilinear");
  file.tensors = export_weights(net);
  for (const auto& [name, tensor] : file.tensors)
    CHECK(tensor.dtype() == Dtype::i64 || tensor::ops::all_finite(tensor),
          "cannot write {}: {} has values that are not finite; lower the learning rate", path, name);
  add_content_hash(file);
  write_safetensors(path, file);
}

}  // namespace nn
