#include "tools/commands/commands.h"

#include <filesystem>
#include <initializer_list>

#include "nn/data/readers.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

void refuse(const ExplainOptions& options, std::initializer_list<const char*> names, const char* what_for) {
  for (const char* name : names)
    if (options.given.count(name) != 0) throw UsageError(fmt::format("--{} is for {}", name, what_for));
}

}  // namespace

std::unique_ptr<nn::Dataset> open_images(const std::vector<std::string>& paths, const nn::Framing& framing) {
  nn::ImageFiles files;
  files.spec = "the given images";
  for (const std::string& path : paths) files.entries.push_back({path, -1});
  return nn::open_image_files(std::move(files), nn::DataOptions({}, {}), framing);
}

nn::Image image_of(const nn::Dataset& dataset, int64_t index) {
  const int64_t size = dataset.image_size();
  nn::Image image{size, size, std::vector<uint8_t>(static_cast<size_t>(size * size * 3))};
  dataset.read(index, image.pixels.data());
  return image;
}

int run_explain(const ExplainOptions& options) {
  const bool pair = options.images.size() == 2;
  if (!pair && options.images.size() != 1) throw UsageError(fmt::format("{} images; give one or two", options.images.size()));
  if (pair) {
    refuse(options, {"id", "k", "nearest", "scales", "batch"}, "one image and its training images; here are two");
    if (options.run.empty() == options.model.empty())
      throw UsageError("two images need either --run DIR, whose ALPA heads attend, or --model FILE, whose local vectors do");
    if (!options.run.empty()) refuse(options, {"arch", "mean", "std"}, "--model; a run says what its network is");
    if (!options.run.empty()) refuse(options, {"temperature"}, "--model; ALPA's heads have none");
  } else {
    refuse(options, {"run", "grid", "temperature", "direction", "stretch"}, "two images; here is one");
    if (options.model.empty() || options.id.empty())
      throw UsageError("one image needs --model FILE and --id SPEC, the training images that it is compared with");
  }
  std::vector<std::string> read = options.images;
  read.insert(read.end(), {options.model, options.run + "/state.safetensors", options.run + "/model.safetensors"});
  for (const std::string& path : read) {
    std::error_code ignored;
    if (std::filesystem::equivalent(path, options.out, ignored))
      throw UsageError(fmt::format("--out {} is read for this, and would be overwritten; take another", options.out));
  }
  device_of(options.device);
  use_threads(options.threads);
  ensure_writable_file(options.out);
  return pair ? explain_pair(options) : explain_nearest(options);
}

}  // namespace mode::tools
