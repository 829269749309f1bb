// Datasets of image files, as folder: and list: list them.

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <filesystem>

#include "nn/data/image_cache.h"
#include "nn/data/image_io.h"
#include "nn/data/readers.h"
#include "nn/files.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

class ImageFileDataset : public Dataset {
 public:
  ImageFileDataset(ImageFiles files, const DataOptions& options, const Framing& framing)
      : root_(files.root), entries_(std::move(files.entries)) {
    spec_ = std::move(files.spec);
    class_names_ = std::move(files.class_names);
    ignored_files_ = files.ignored_files;
    framing_ = framing;
    const int64_t image_bytes = image_size() * image_size() * 3;
    if (options.has("cache")) {
      const std::filesystem::path root = std::filesystem::weakly_canonical(files.root),
                                  cache = std::filesystem::weakly_canonical(options.text("cache"));
      CHECK(std::mismatch(root.begin(), root.end(), cache.begin(), cache.end()).first != root.end(),
            "cache={} is inside the folder {} of the images, where it would be read as a class; choose another folder",
            printable(options.text("cache")), printable(files.root));
      std::vector<std::string> names;
      for (const ImageFiles::Entry& entry : entries_) names.push_back(entry.name);
      disk_cache_ = DiskCache::open(options.text("cache"), {files.root, std::move(names), framing},
                                    [this](int64_t index, uint8_t* pixels) { decode(index, pixels); });
    }
    if (disk_cache_ != nullptr)
      cache_ = disk_cache_->path();
    else
      memory_cache_ = std::make_unique<MemoryCache>(size(), image_bytes);
  }

  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }
  int64_t label(int64_t index) const override { return entry(index).label; }
  std::string image_name(int64_t index) const override { return entry(index).name; }
  int64_t file_bytes(int64_t index) const override { return file_size((root_ / entry(index).name).string()); }
  void read(int64_t index, uint8_t* pixels) const override {
    entry(index);
    if (disk_cache_ == nullptr)
      memory_cache_->read(index, pixels, [&](uint8_t* out) { decode(index, out); });
    else if (!disk_cache_->read(index, pixels))
      decode(index, pixels);
  }

 private:
  const ImageFiles::Entry& entry(int64_t index) const {
    check_index(index);
    return entries_[index];
  }

  void decode(int64_t index, uint8_t* pixels) const {
    const std::string path = (root_ / entry(index).name).string();
    const Image decoded = decode_image(path);
    Image image;
    try {
      image = framed(decoded, framing_);
    } catch (const tensor::Error& error) {
      throw tensor::Error(fmt::format("{}: {}", printable(path), error.what()));
    }
    std::memcpy(pixels, image.pixels.data(), image.pixels.size());
  }

  std::filesystem::path root_;
  std::vector<ImageFiles::Entry> entries_;
  std::unique_ptr<DiskCache> disk_cache_;
  std::unique_ptr<MemoryCache> memory_cache_;
};

}  // namespace

void ImageFiles::limit(const DataOptions& options, Order order) {
  std::vector<int64_t> labels;
  labels.reserve(entries.size());
  for (const Entry& entry : entries) labels.push_back(entry.label);
  std::vector<Entry> selected;
  for (const int64_t index : limited(options, labels, class_names, order)) selected.push_back(std::move(entries[index]));
  entries = std::move(selected);
}

std::unique_ptr<Dataset> open_image_files(ImageFiles files, const DataOptions& options, const Framing& framing) {
  return std::make_unique<ImageFileDataset>(std::move(files), options, framing);
}

bool has_image_extension(const std::string& name) {
  std::string extension = std::filesystem::path(name).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<const char*, 5> known = {".png", ".jpg", ".jpeg", ".jpe", ".jfif"};
  return std::any_of(known.begin(), known.end(), [&](const char* candidate) { return extension == candidate; });
}

bool is_image_file(const std::string& path) {
  if (image_format(read_start(path, 8)) != ImageFormat::none) return true;
  if (!has_image_extension(path)) return false;
  throw tensor::Error(fmt::format("{} has the extension of an image, but {}; remove or replace it", printable(path),
                                  file_size(path) == 0 ? "is empty" : "its first bytes are neither PNG nor JPEG"));
}

}  // namespace nn
