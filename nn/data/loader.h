#pragma once
// Batches of normalised pictures, read and augmented ahead of time by a prefetch thread. What a batch holds depends on (seed, epoch) alone.

#include <functional>
#include <memory>

#include "nn/checkpoint.h"
#include "nn/data/dataset.h"

namespace nn {

struct Batch {
  Tensor pictures;  ///< (N, S, S, 3) f32, (pixel / 255 - mean) / std
  Tensor labels;    ///< i64 (N)
  Tensor ids;       ///< i64 (N): index in the data set
  int64_t size() const { return labels.dim(0); }
};

/// Changes one picture (S x S x 3 bytes) in place; random choices from philox(seed, Stream::augment, epoch and picture).
struct AugmentKey {
  uint64_t seed;
  int64_t epoch, picture;
};
using Augment = std::function<void(uint8_t* pixels, int64_t size, const AugmentKey& key)>;
/// Zero-pad by `pad`, crop at random, flip left-right with probability 1/2.
Augment crop_and_flip(int64_t pad = 4);
/// The augmentation that a command line, a run's state or a preset names; empty for "none". An unknown name is an error that lists them.
Augment augment_by_name(const std::string& name);
/// "none", "crop-flip".
const std::vector<std::string>& known_augments();

struct LoaderOptions {
  int64_t batch = 128;
  uint64_t seed = 1;
  int64_t epoch = 0;
  bool shuffle = true;     ///< false: in the order of the set
  bool drop_last = false;  ///< drop a last batch that is not full
  Augment augment = {};    ///< none when empty
  Preprocessing preprocessing = {};
  int64_t first_batch = 0;  ///< skip that many batches (resume)
};

/// One pass over the set: `for (const Batch& batch : Loader(data, options))`. An Error in the prefetch thread is thrown by the loop.
class Loader {
 public:
  Loader(const Dataset& dataset, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;

  int64_t batches() const;  ///< in the whole epoch

  class Iterator {
   public:
    Iterator& operator++();
    const Batch& operator*() const;
    bool operator!=(const Iterator& other) const;

   private:
    friend class Loader;
    Loader* loader_ = nullptr;  // null at the end
  };
  Iterator begin();
  Iterator end();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nn
