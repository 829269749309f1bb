#include "nn/data/image_files.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <filesystem>

#include "nn/data/decode.h"
#include "nn/data/decoded_cache.h"
#include "nn/data/kept_images.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

class FilesOfImages : public Dataset {
 public:
  FilesOfImages(ImageFiles files, const Options& options, const Framing& framing) : root_(files.root), entries_(std::move(files.entries)) {
    spec_ = std::move(files.spec);
    class_names_ = std::move(files.class_names);
    ignored_files_ = files.ignored_files;
    framing_ = framing;
    const int64_t image_bytes = image_size() * image_size() * 3;
    if (options.has("cache")) {
      const std::filesystem::path root = std::filesystem::weakly_canonical(files.root),
                                  cache = std::filesystem::weakly_canonical(options.text("cache"));
      CHECK(std::mismatch(root.begin(), root.end(), cache.begin(), cache.end()).first != root.end(),
            "cache={} lies within the images' folder {}, where it would pass for a class; choose one beside it",
            printable(options.text("cache")), printable(files.root));
      std::vector<std::string> names;
      for (const ImageFiles::Entry& entry : entries_) names.push_back(entry.name);
      decoded_ = DecodedCache::open(options.text("cache"), {files.root, std::move(names), framing},
                                    [this](int64_t index, uint8_t* pixels) { decode(index, pixels); });
    }
    if (decoded_ != nullptr)
      cache_ = decoded_->path();
    else
      kept_ = std::make_unique<KeptImages>(size(), image_bytes);
  }

  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }
  int64_t label(int64_t index) const override { return entry(index).label; }
  std::string image_name(int64_t index) const override { return entry(index).name; }
  int64_t file_bytes(int64_t index) const override { return file_size((root_ / entry(index).name).string()); }
  void read(int64_t index, uint8_t* pixels) const override {
    entry(index);
    if (decoded_ == nullptr)
      kept_->read(index, pixels, [&](uint8_t* out) { decode(index, out); });
    else if (!decoded_->read(index, pixels))
      decode(index, pixels);
  }

 private:
  const ImageFiles::Entry& entry(int64_t index) const {
    CHECK(index >= 0 && index < size(), "image {} of {}, which has {}", index, spec_, size());
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
  std::unique_ptr<DecodedCache> decoded_;
  std::unique_ptr<KeptImages> kept_;
};

}  // namespace

void ImageFiles::limit(const Options& options, Order order) {
  std::vector<int64_t> labels;
  labels.reserve(entries.size());
  for (const Entry& entry : entries) labels.push_back(entry.label);
  std::vector<Entry> kept;
  for (const int64_t index : limited(options, labels, class_names, order)) kept.push_back(std::move(entries[index]));
  entries = std::move(kept);
}

std::unique_ptr<Dataset> open_image_files(ImageFiles files, const Options& options, const Framing& framing) {
  return std::make_unique<FilesOfImages>(std::move(files), options, framing);
}

bool named_like_image(const std::string& name) {
  std::string extension = std::filesystem::path(name).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<const char*, 5> known = {".png", ".jpg", ".jpeg", ".jpe", ".jfif"};
  return std::any_of(known.begin(), known.end(), [&](const char* candidate) { return extension == candidate; });
}

bool is_image(const std::string& path) {
  if (image_format(read_start(path, 8)) != ImageFormat::none) return true;
  if (!named_like_image(path)) return false;
  throw tensor::Error(fmt::format("{} is named like an image, but {}; remove or replace it", printable(path),
                                  file_size(path) == 0 ? "is empty" : "is neither PNG nor JPEG by its first bytes"));
}

}  // namespace nn
