#pragma once
// A set of image files, as folder: and list: find them: decoded and framed when they are read, kept in memory where they are few, or
// cached on disk (cache=DIR).

#include <memory>
#include <string>
#include <vector>

#include "nn/data/dataset.h"
#include "nn/data/readers.h"

namespace nn {

struct ImageFiles {
  struct Entry {
    std::string name;  ///< path below `root`
    int64_t label;     ///< -1: none
    int64_t line = 0;  ///< of the list that names it
  };
  std::string spec, root;
  std::vector<Entry> entries;
  std::vector<std::string> class_names;
  int64_t ignored_files = 0;

  /// Keeps what limit=N&seed=S choose.
  void limit(const Options& options, Order order);
};

/// Obeys the option cache=DIR. With it every image is decoded here, unless the cache holds them already.
std::unique_ptr<Dataset> open_image_files(ImageFiles files, const Options& options, const Framing& framing);

/// By its ending: .png .jpg .jpeg .jpe .jfif, in any case.
bool named_like_image(const std::string& name);
/// By its first bytes. An Error where it is none but is named like one, or cannot be read.
bool is_image(const std::string& path);

}  // namespace nn
