#pragma once
// Labeled images, named by one word: KIND:LOCATION?key=value&key=value
//
//   cifar10:DIR?split=train|test      cifar100:DIR?split=train|test      official binary records (DIR or its parent)
//   svhn:FILE.mat                     cropped digits, format 2 (train_32x32.mat, test_32x32.mat, extra_32x32.mat)
//   folder:DIR                        a class per sub-folder (sorted by name), or one flat folder (label -1); PNG and JPEG of any size
//   folder:DIR?split=train|val|test   the same for DIR/train, ...: the layouts of ImageNet and Tiny-ImageNet. The classes are the
//                                     sub-folders of DIR/train. val/val_annotations.txt labels val/images; other images in
//                                     split/images are unlabeled. Class names come from lines "ID NAME" of class_names.txt,
//                                     LOC_synset_mapping.txt or words.txt in DIR
//   list:FILE?root=DIR                lines "path label", "path,label" or "path"; '#' begins a comment. Paths are relative to root,
//                                     by default the folder of the list. Labels are all numbers (classes 0 .. largest; -1: unlabeled)
//                                     or all names (sorted)
//   synthetic:NAME?seed=1             procedural images: shapes (ID; split=train|test), or an OOD set of synthetic_ood_sets()
//
// The first choice is the default of a key. Every kind takes limit=N: the first N images if their order is mixed; with seed=S, N images
// drawn from the seed, balanced over the classes. Folders always use a seed (default 1). folder: and list: take cache=DIR, a folder for
// decoded images (nn/data/image_cache.h). An unknown kind or key is an Error that lists the known ones. Every fault is an Error of one
// line that names the file and the remedy.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/resize.h"

namespace nn {

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  /// 0 .. classes - 1, or -1 for an unlabeled image.
  virtual int64_t label(int64_t index) const = 0;
  /// A name that identifies the image: "test_batch.bin#17", "banded/banded_0002.jpg".
  virtual std::string image_name(int64_t index) const = 0;
  /// Size of the image's own file; -1 if it has none.
  virtual int64_t file_bytes([[maybe_unused]] int64_t index) const { return -1; }
  /// Writes size x size x 3 bytes: rows from top to bottom; red, green, blue. Images of another size are framed (nn/data/resize.h).
  /// Thread-safe.
  virtual void read(int64_t index, uint8_t* pixels) const = 0;

  /// Empty for an unlabeled dataset.
  const std::vector<std::string>& class_names() const { return class_names_; }
  int64_t classes() const { return static_cast<int64_t>(class_names_.size()); }
  /// Edge of the square images that read() returns.
  int64_t image_size() const { return framing_.size; }
  const Framing& framing() const { return framing_; }
  const std::string& spec() const { return spec_; }
  /// Number of files of a folder that are not images, without hidden files.
  int64_t ignored_files() const { return ignored_files_; }
  /// Path of the disk cache (cache=DIR); empty without one.
  const std::string& cache() const { return cache_; }

 protected:
  /// Throws unless 0 <= index < size().
  void check_index(int64_t index) const;

  std::vector<std::string> class_names_;
  Framing framing_;
  int64_t ignored_files_ = 0;
  std::string spec_, cache_;
};

/// Opens and checks a dataset whose images have the given framing.
std::unique_ptr<Dataset> open_dataset(const std::string& spec, const Framing& framing = {});

/// The parts of "KIND:LOCATION?key=value". open_dataset checks kind and keys.
struct DataSpec {
  std::string kind, location;
  std::vector<std::pair<std::string, std::string>> options;
};
DataSpec parse_data_spec(const std::string& spec);

/// The images of `dataset` with these indices.
std::unique_ptr<Dataset> subset(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> indices);

/// The names of the OOD datasets of kind synthetic: "unseen-shapes", "textures", "scenes", "noise", "strokes".
std::vector<std::string> synthetic_ood_sets();

}  // namespace nn
