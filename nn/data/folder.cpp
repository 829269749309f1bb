// Folders of PNG and JPEG files. What is a picture is told by content; a file that is named like one and is none is an error, not ignored.

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <memory>

#include "nn/data/decode.h"
#include "nn/data/kept_pictures.h"
#include "nn/data/readers.h"
#include "nn/text.h"
#include "tensor/check.h"
#include "tensor/philox.h"

namespace nn {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string name;  // below the set's folder
  int64_t label;
};

bool named_like_picture(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<const char*, 5> known = {".png", ".jpg", ".jpeg", ".jpe", ".jfif"};
  return std::any_of(known.begin(), known.end(), [&](const char* candidate) { return extension == candidate; });
}

struct Listing {
  std::vector<std::string> folders, files;  // sorted by name, hidden ones left out
};

Listing list(const fs::path& folder) {
  std::error_code fault;
  Listing listing;
  fs::directory_iterator item(folder, fault);
  for (; !fault && item != fs::directory_iterator(); item.increment(fault)) {
    const std::string name = item->path().filename().string();
    if (name.front() == '.') continue;
    std::error_code broken_link;
    (item->is_directory(broken_link) ? listing.folders : listing.files).push_back(name);
  }
  if (fault) throw tensor::Error(fmt::format("cannot read folder {}: {}", printable(folder.string()), fault.message()));
  std::sort(listing.folders.begin(), listing.folders.end());
  std::sort(listing.files.begin(), listing.files.end());
  return listing;
}

class Folder : public Dataset {
 public:
  Folder(const DataSpec& spec, const Options& options, const Framing& framing) : root_(spec.location) {
    spec_ = spec.kind + ":" + spec.location;
    framing_ = framing;
    if (!is_folder(spec.location)) throw tensor::Error(fmt::format("folder: no such folder '{}'", printable(spec.location)));
    const Listing top = list(root_);
    add_pictures(top, "", -1);
    const bool flat = !entries_.empty();
    for (const std::string& name : top.folders) {
      const size_t before = entries_.size();
      add_tree(name, static_cast<int64_t>(class_names_.size()), 0);
      const bool empty = entries_.size() == before;
      if (flat && !empty)
        throw tensor::Error(
            fmt::format("folder {} has pictures of its own ({}) and in its sub-folder {}: keep either one folder per class or "
                        "one flat folder",
                        printable(spec.location), printable(entries_.front().name), printable(name)));
      if (!flat && empty)
        throw tensor::Error(
            fmt::format("class folder {}/{} has no PNG or JPEG files; remove it or fill it", printable(spec.location), printable(name)));
      if (!flat) class_names_.push_back(escaped(name));
    }
    if (entries_.empty())
      throw tensor::Error(fmt::format("folder {} has no PNG or JPEG files ({} other files)", printable(spec.location), ignored_files_));
    choose(options.limit(size()), static_cast<uint64_t>(options.number("seed", 1, 0, int64_t{1} << 62)));
    kept_ = std::make_unique<KeptPictures>(size(), picture_size() * picture_size() * 3);
  }

  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }
  int64_t label(int64_t index) const override { return entry(index).label; }
  std::string picture_name(int64_t index) const override { return entry(index).name; }
  void read(int64_t index, uint8_t* pixels) const override {
    const std::string path = (root_ / entry(index).name).string();
    kept_->read(index, pixels, [&](uint8_t* out) {
      const Picture decoded = decode_picture(path);
      CHECK(decoded.height * picture_size() <= 100'000'000, "{} has {} rows: too long and narrow to resize to {} x {}; crop it",
            printable(path), decoded.height, picture_size(), picture_size());
      const Picture picture = framed(decoded, framing_);
      std::memcpy(out, picture.pixels.data(), picture.pixels.size());
    });
  }

 private:
  const Entry& entry(int64_t index) const {
    CHECK(index >= 0 && index < size(), "picture {} of {}, which has {}", index, spec_, size());
    return entries_[static_cast<size_t>(index)];
  }

  void add_pictures(const Listing& listing, const std::string& prefix, int64_t label) {
    for (const std::string& file : listing.files) {
      const fs::path path = root_ / (prefix + file);
      if (!named_like_picture(path) && !is_file(path.string())) {  // a pipe, a socket, a link to nowhere
        ++ignored_files_;
        continue;
      }
      if (picture_format(read_start(path.string(), 8)) != PictureFormat::none) {
        entries_.push_back({prefix + file, label});
      } else if (named_like_picture(path)) {
        throw tensor::Error(fmt::format("{} is named like a picture, but {}; remove or replace it", printable(path.string()),
                                        file_size(path.string()) == 0 ? "is empty" : "is neither PNG nor JPEG by its first bytes"));
      } else {
        ++ignored_files_;
      }
    }
  }

  // A class' folder and what is below it.
  void add_tree(const std::string& folder, int64_t label, int depth) {
    CHECK(depth < 16, "folders are nested deeper than 16 at {}: a link to a folder above?", printable((root_ / folder).string()));
    const Listing listing = list(root_ / folder);
    add_pictures(listing, folder + "/", label);
    for (const std::string& name : listing.folders) add_tree(fmt::format("{}/{}", folder, name), label, depth + 1);
  }

  // Keeps `count` pictures, by turns one of every class, each class in an order drawn from the seed; what is kept stays sorted by name.
  void choose(int64_t count, uint64_t seed) {
    if (count == size()) return;
    std::vector<std::vector<int64_t>> members(static_cast<size_t>(std::max<int64_t>(1, classes())));
    for (int64_t index = 0; index < size(); ++index) members[static_cast<size_t>(std::max<int64_t>(0, label(index)))].push_back(index);
    std::vector<std::vector<int64_t>> orders;
    for (size_t no = 0; no < members.size(); ++no)
      orders.push_back(permutation(static_cast<int64_t>(members[no].size()), seed,
                                   tensor::counter_of("folder/" + (class_names_.empty() ? "" : class_names_[no]))));
    const std::vector<int64_t> turns = permutation(static_cast<int64_t>(members.size()), seed, tensor::counter_of("folder"));
    std::vector<int64_t> chosen;
    for (size_t round = 0; static_cast<int64_t>(chosen.size()) < count; ++round)
      for (const int64_t turn : turns) {
        const auto no = static_cast<size_t>(turn);
        if (round < members[no].size() && static_cast<int64_t>(chosen.size()) < count)
          chosen.push_back(members[no][static_cast<size_t>(orders[no][round])]);
      }
    std::sort(chosen.begin(), chosen.end());
    std::vector<Entry> entries;
    entries.reserve(chosen.size());
    for (const int64_t index : chosen) entries.push_back(std::move(entries_[static_cast<size_t>(index)]));
    entries_ = std::move(entries);
  }

  fs::path root_;
  std::vector<Entry> entries_;
  std::unique_ptr<KeptPictures> kept_;
};

}  // namespace

std::unique_ptr<Dataset> open_folder(const DataSpec& spec, const Framing& framing) {
  const Options options(spec, {"limit", "seed"});
  return std::make_unique<Folder>(spec, options, framing);
}

}  // namespace nn
