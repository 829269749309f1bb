#pragma once
// Shared by the dataset readers: options of a dataset name, selection by limit and seed, image files. Private to nn/data/, except for
// permutation().

#include <memory>
#include <string>
#include <vector>

#include "nn/data/dataset.h"

namespace nn {

/// The options of a DataSpec. The constructor refuses unknown and repeated keys.
class DataOptions {
 public:
  DataOptions(const DataSpec& spec, std::vector<std::string> known);
  /// An integer in [min, max]; `fallback` if the key is absent.
  int64_t number(const std::string& key, int64_t fallback, int64_t min, int64_t max) const;
  /// One of the choices; the first one if the key is absent.
  std::string choice(const std::string& key, const std::vector<std::string>& choices) const;
  /// The value as text; empty if the key is absent.
  std::string text(const std::string& key) const;
  bool has(const std::string& key) const { return find(key) != nullptr; }
  /// The smaller of `size` and limit=N.
  int64_t limit(int64_t size) const;

 private:
  const std::string* find(const std::string& key) const;
  DataSpec spec_;
};

std::unique_ptr<Dataset> open_cifar10(const DataSpec& spec, const Framing& framing);
std::unique_ptr<Dataset> open_cifar100(const DataSpec& spec, const Framing& framing);
std::unique_ptr<Dataset> open_svhn(const DataSpec& spec, const Framing& framing);
std::unique_ptr<Dataset> open_folder(const DataSpec& spec, const Framing& framing);
std::unique_ptr<Dataset> open_list(const DataSpec& spec, const Framing& framing);
std::unique_ptr<Dataset> open_synthetic(const DataSpec& spec, const Framing& framing);

/// The indices that limit=N&seed=S select, in rising order. With a seed: one image of every class in turn (unlabeled images are a class),
/// with classes and images in an order drawn from the seed. Without a seed: the first N if the order of the dataset is mixed; seed 1 if it
/// is sorted, as by name.
enum class Order { mixed, sorted };
std::vector<int64_t> limited(const DataOptions& options, const std::vector<int64_t>& labels, const std::vector<std::string>& class_names,
                             Order order);

/// Applies the framing to an image of edge x edge x 3 bytes.
void write_framed(const uint8_t* from, int64_t edge, const Framing& framing, uint8_t* to);

/// 0 .. n - 1 in an order that depends on (seed, counter) alone (Fisher-Yates).
std::vector<int64_t> permutation(int64_t n, uint64_t seed, uint64_t counter);

/// The files of a folder: or list: dataset.
struct ImageFiles {
  struct Entry {
    std::string name;  ///< path below `root`
    int64_t label;     ///< -1: unlabeled
    int64_t line = 0;  ///< line number in the list file
  };
  std::string spec, root;
  std::vector<Entry> entries;
  std::vector<std::string> class_names;
  int64_t ignored_files = 0;

  /// Keeps the entries that limit=N&seed=S select.
  void limit(const DataOptions& options, Order order);
};

/// A dataset that decodes and frames an image file when it is read. Small datasets are cached in memory, or on disk with cache=DIR; then
/// every image that the cache lacks is decoded here.
std::unique_ptr<Dataset> open_image_files(ImageFiles files, const DataOptions& options, const Framing& framing);

/// True for .png .jpg .jpeg .jpe .jfif in any case.
bool has_image_extension(const std::string& name);
/// True if the first bytes are those of a PNG or JPEG. A file that is not an image but has an image extension is an Error, as is an
/// unreadable file.
bool is_image_file(const std::string& path);

}  // namespace nn
