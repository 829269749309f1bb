// Folders of PNG and JPEG files. The content of a file decides whether it is an image. A file with the extension of an image that is not one
// is an Error; other files are ignored.

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "nn/data/readers.h"
#include "nn/files.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

namespace fs = std::filesystem;

struct Listing {
  std::vector<std::string> folders, files;  // sorted by name, without hidden ones
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

bool contains(const std::vector<std::string>& sorted, const std::string& name) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

/// The names of the classes with these ids (folder names), from lines "ID NAME" (or with a tab) of the first file of names in `folder`.
/// A name that several ids share is followed by the id.
std::vector<std::string> class_names_of(const fs::path& folder, const std::vector<std::string>& ids) {
  std::map<std::string, std::string> name_of;
  for (const char* file : {"class_names.txt", "LOC_synset_mapping.txt", "words.txt"}) {
    const std::string path = (folder / file).string();
    if (!is_file(path)) continue;
    for (const std::string& line : read_lines(path)) {
      const size_t gap = std::min(line.find('\t') != std::string::npos ? line.find('\t') : line.find(' '), line.size());
      const size_t name = line.find_first_not_of(" \t", gap);
      if (name != std::string::npos) name_of.emplace(line.substr(0, gap), escaped(line.substr(name), 200));
    }
    break;
  }
  std::vector<std::string> names;
  std::map<std::string, int> times;
  for (const std::string& id : ids) {
    const auto found = name_of.find(id);
    names.push_back(found == name_of.end() ? escaped(id) : found->second);
    ++times[names.back()];
  }
  for (size_t no = 0; no < ids.size(); ++no)
    if (times[names[no]] > 1) names[no] += fmt::format(" ({})", escaped(ids[no]));
  return names;
}

class FolderReader {
 public:
  explicit FolderReader(const DataSpec& spec) : root_(spec.location) {
    if (!is_folder(spec.location))
      throw tensor::Error(fmt::format("folder: no such folder '{}'; check the path", printable(spec.location)));
    files_.spec = spec.kind + ":" + spec.location;
    files_.root = spec.location;
  }

  /// A class per sub-folder, or a flat folder of unlabeled images.
  ImageFiles read_classes() {
    const Listing top = list(root_);
    if (contains(top.folders, "train") && contains(top.folders, "val"))
      throw tensor::Error(
          fmt::format("folder {} has the sub-folders train and val: choose one, as in 'folder:DIR?split=train'", printable_root()));
    read_tree("", {});
    return std::move(files_);
  }

  /// The sub-folder `split`. Its classes are the sub-folders of train, if that exists, so that every split has the same labels.
  ImageFiles read_split(const std::string& split) {
    if (!is_folder((root_ / split).string()))
      throw tensor::Error(fmt::format("folder {} has no sub-folder {} for split={}", printable_root(), split, split));
    files_.spec += "?split=" + split;
    std::vector<std::string> ids;
    if (is_folder((root_ / "train").string())) ids = list(root_ / "train").folders;
    if (ids == std::vector<std::string>{"images"}) ids.clear();
    const std::string annotations = (root_ / split / (split + "_annotations.txt")).string();
    if (is_file(annotations))
      read_annotated(split, annotations, ids);
    else
      read_tree(split + "/", ids);
    return std::move(files_);
  }

 private:
  std::string printable_root() const { return printable(root_.string()); }

  void read_tree(const std::string& prefix, std::vector<std::string> ids) {
    const Listing top = list(root_ / prefix);
    add_images(top, prefix, -1);
    const bool flat = !files_.entries.empty();
    if (!flat && !prefix.empty() && top.folders == std::vector<std::string>{"images"}) {  // the test images of Tiny-ImageNet
      add_tree(prefix + "images", -1, 0);
      ids.clear();
    } else {
      if (ids.empty()) ids = top.folders;
      for (const std::string& name : top.folders) {
        const size_t before = files_.entries.size();
        const auto place = std::lower_bound(ids.begin(), ids.end(), name);
        if (!flat && (place == ids.end() || *place != name))
          throw tensor::Error(fmt::format("{}/{}{} is not a class: train has no sub-folder of that name; rename or remove it",
                                          printable_root(), prefix, printable(name)));
        add_tree(prefix + name, static_cast<int64_t>(place - ids.begin()), 0);
        const bool empty = files_.entries.size() == before;
        if (flat && !empty)
          throw tensor::Error(
              fmt::format("folder {} has images both at its top ({}) and in its sub-folder {}: use one folder per class or one "
                          "flat folder",
                          printable_root(), printable(files_.entries.front().name), printable(name)));
        if (!flat && empty)
          throw tensor::Error(fmt::format("class folder {}/{}{} has no PNG or JPEG files; remove it or fill it", printable_root(), prefix,
                                          printable(name)));
      }
      if (flat) ids.clear();
    }
    if (files_.entries.empty())
      throw tensor::Error(fmt::format("folder {}{} has no PNG or JPEG files ({} other files)", printable_root(),
                                      prefix.empty() ? "" : "/" + prefix, files_.ignored_files));
    if (prefix.empty())
      for (const std::string& id : ids) files_.class_names.push_back(escaped(id));
    else
      files_.class_names = class_names_of(root_, ids);
  }

  // The validation split of Tiny-ImageNet: images in images/ and lines "FILE<tab>CLASS<tab>..." in val_annotations.txt.
  void read_annotated(const std::string& split, const std::string& path, std::vector<std::string> ids) {
    struct Annotation {
      std::string id;
      size_t line;
    };
    std::map<std::string, Annotation> annotations;
    const std::vector<std::string> lines = read_lines(path);
    std::set<std::string> named;
    for (size_t no = 0; no < lines.size(); ++no) {
      if (lines[no].empty()) continue;
      const size_t tab = lines[no].find('\t'), end = std::min(lines[no].find('\t', tab + 1), lines[no].size());
      if (tab == std::string::npos || tab == 0 || end <= tab + 1)
        throw tensor::Error(fmt::format("{}:{}: expected FILE, a tab and CLASS", printable(path), no + 1));
      const Annotation annotation{lines[no].substr(tab + 1, end - tab - 1), no + 1};
      named.insert(annotation.id);
      if (!annotations.emplace(lines[no].substr(0, tab), annotation).second)
        throw tensor::Error(fmt::format("{}:{}: {} has a class already; remove one of the lines", printable(path), no + 1,
                                        printable(lines[no].substr(0, tab))));
    }
    if (ids.empty()) ids.assign(named.begin(), named.end());
    const std::string prefix = split + "/images/";
    if (!is_folder((root_ / prefix).string()))
      throw tensor::Error(
          fmt::format("folder {} has no sub-folder {} for the images that {} labels", printable_root(), prefix, printable(path)));
    add_images(list(root_ / prefix), prefix, -1);
    for (ImageFiles::Entry& entry : files_.entries) {
      const auto found = annotations.find(entry.name.substr(prefix.size()));
      if (found == annotations.end())
        throw tensor::Error(fmt::format("{} has no line for {}; add one", printable(path), printable(entry.name)));
      if (!contains(ids, found->second.id))
        throw tensor::Error(fmt::format("{}:{}: class {} has no sub-folder in train; add it or correct the line", printable(path),
                                        found->second.line, printable(found->second.id)));
      entry.label = std::lower_bound(ids.begin(), ids.end(), found->second.id) - ids.begin();
      annotations.erase(found);
    }
    if (!annotations.empty())
      throw tensor::Error(fmt::format("{}:{}: no image {}{}; remove the line", printable(path), annotations.begin()->second.line, prefix,
                                      printable(annotations.begin()->first)));
    files_.class_names = class_names_of(root_, ids);
  }

  void add_images(const Listing& listing, const std::string& prefix, int64_t label) {
    for (const std::string& file : listing.files) {
      const std::string path = (root_ / (prefix + file)).string();
      // Not a regular file: a pipe, a socket, a broken link.
      if ((has_image_extension(path) || is_file(path)) && is_image_file(path))
        files_.entries.push_back({prefix + file, label});
      else
        ++files_.ignored_files;
    }
  }

  // A class folder with its sub-folders.
  void add_tree(const std::string& folder, int64_t label, int depth) {
    CHECK(depth < 16, "folders are nested deeper than 16 at {}; remove links to parent folders", printable((root_ / folder).string()));
    const Listing listing = list(root_ / folder);
    add_images(listing, folder + "/", label);
    for (const std::string& name : listing.folders) add_tree(fmt::format("{}/{}", folder, name), label, depth + 1);
  }

  fs::path root_;
  ImageFiles files_;
};

}  // namespace

std::unique_ptr<Dataset> open_folder(const DataSpec& spec, const Framing& framing) {
  const DataOptions options(spec, {"split", "limit", "seed", "cache"});
  FolderReader reader(spec);
  ImageFiles files = options.has("split") ? reader.read_split(options.choice("split", {"train", "val", "test"})) : reader.read_classes();
  files.limit(options, Order::sorted);
  return open_image_files(std::move(files), options, framing);
}

}  // namespace nn
