#pragma once
// Images with labels, named by one word: KIND:LOCATION?key=value&key=value
//
//   cifar10:DIR?split=train|test      cifar100:DIR?split=train|test      official binary records (DIR or its parent)
//   svhn:FILE.mat                     cropped digits, format 2 (train_32x32.mat, test_32x32.mat, extra_32x32.mat)
//   folder:DIR                        a class per sub-folder (sorted by name), or flat (label -1); PNG and JPEG of any size
//   folder:DIR?split=train|val|test   the same of DIR/train, ...: ImageNet's and Tiny-ImageNet's layouts. The classes are the sub-folders
//   of
//                                     DIR/train; val/images with val/val_annotations.txt is known, split/images alone is without labels.
//                                     Classes are called as class_names.txt, LOC_synset_mapping.txt or words.txt in DIR say ("ID NAME")
//   list:FILE?root=DIR                a line is "path label", "path,label" or "path"; '#' begins a comment. Paths are below root (or the
//                                     list's folder). Labels are numbers (classes 0 .. the largest) or all names (sorted); -1 is none
//   synthetic:NAME?seed=1             procedural; NAME = shapes (ID; split=train|test), or the OOD sets (nn/data/synthetic.h)
//
// Where a key is absent, the first choice is meant. limit=N is known to all: the first N of sets whose order is already mixed; with seed=S,
// N drawn from it, the classes in turn as far as they go; of a folder always so (seed=1). Of folder: and list:, cache=DIR keeps the decoded
// images there (nn/data/decoded_cache.h). An unknown kind or key is an error that lists the
// known ones. Every fault is an Error of one line naming the file and what to do.

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
  /// 0 .. classes - 1, or -1 where the set has no labels.
  virtual int64_t label(int64_t index) const = 0;
  /// A name that a person can find the image by: "test_batch.bin#17", "banded/banded_0002.jpg".
  virtual std::string image_name(int64_t index) const = 0;
  /// Size of the image's own file, without reading it; -1 where it has none.
  virtual int64_t file_bytes([[maybe_unused]] int64_t index) const { return -1; }
  /// Writes size x size x 3 bytes, rows top down, red green blue. Thread-safe. Images of other sizes are framed
  /// (nn/data/resize.h): squashed to the square, or the middle cut out.
  virtual void read(int64_t index, uint8_t* pixels) const = 0;

  /// Names of the classes; empty where the set has none.
  const std::vector<std::string>& class_names() const { return class_names_; }
  int64_t classes() const { return static_cast<int64_t>(class_names_.size()); }
  /// Edge of the square images that read() delivers.
  int64_t image_size() const { return framing_.size; }
  const Framing& framing() const { return framing_; }
  const std::string& spec() const { return spec_; }
  /// Files of a folder that are no images (hidden ones not counted).
  int64_t ignored_files() const { return ignored_files_; }
  /// File with the decoded images (cache=DIR) that read() takes them from; empty: none.
  const std::string& cache() const { return cache_; }

 protected:
  std::vector<std::string> class_names_;
  Framing framing_;
  int64_t ignored_files_ = 0;
  std::string spec_, cache_;
};

/// Opens and checks the set. read() delivers images of that framing.
std::unique_ptr<Dataset> open_dataset(const std::string& spec, const Framing& framing = {});

/// "KIND:LOCATION?key=value" taken apart; an unknown or repeated key is an error in open_dataset.
struct DataSpec {
  std::string kind, location;
  std::vector<std::pair<std::string, std::string>> options;
};
DataSpec parse_data_spec(const std::string& spec);

/// A subset by indices into another set (the validation split, limits).
std::unique_ptr<Dataset> subset(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> indices);

}  // namespace nn
