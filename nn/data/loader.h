#pragma once
// Batches of normalized images, read and augmented ahead of time by worker threads. What a batch holds depends on (seed, epoch) alone.

#include <memory>

#include "nn/checkpoint.h"
#include "nn/data/augment.h"
#include "nn/data/dataset.h"

namespace nn {

struct Batch {
  Tensor images;  ///< (V N, S, S, 3) f32, (pixel / 255 - mean) / std; row v N + i is view v of image i
  Tensor labels;  ///< i64 (N)
  Tensor ids;     ///< i64 (N): index in the data set
  int64_t size() const { return labels.dim(0); }
};

struct LoaderOptions {
  int64_t batch = 128;
  uint64_t seed = 1;
  int64_t epoch = 0;
  bool shuffle = true;     ///< false: in the order of the set
  bool drop_last = false;  ///< drop a last batch that is not full
  int64_t views = 1;       ///< V: how often each image stands in its batch, augmented anew
  Augment augment = {};    ///< none when empty; then the set's images have the input's size, else they may be larger
  Preprocessing preprocessing = {};
  int workers = 1;  ///< threads that read, decode and augment; 0: as many as kernels use. A batch is one thread's, and 1 GiB or two batches
                    ///< are made ahead at most
  int64_t first_batch = 0;  ///< skip that many batches (resume)
};

/// One pass over the set: `for (const Batch& batch : Loader(data, options))`. An Error in a worker is thrown by the loop when it comes to
/// the batch in which it happened.
class Loader {
 public:
  Loader(const Dataset& dataset, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;

  int64_t batches() const;  ///< in the whole epoch
  /// How long the loop has waited for batches in this pass, beyond the first one, which nothing could have prepared.
  double seconds_waited() const;

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
