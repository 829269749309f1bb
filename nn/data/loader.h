#pragma once
// Batches of normalized images, read and augmented ahead of time by worker threads. The content of a batch depends on (seed, epoch) alone.

#include <memory>

#include "nn/data/augment.h"
#include "nn/data/dataset.h"
#include "nn/data/preprocessing.h"
#include "tensor/tensor.h"

namespace nn {

struct Batch {
  tensor::Tensor images;  ///< (V N, S, S, 3) f32, (pixel / 255 - mean) / std; row v N + i is view v of image i
  tensor::Tensor labels;  ///< i64 (N)
  tensor::Tensor ids;     ///< i64 (N): index in the dataset
  int64_t size() const { return labels.dim(0); }
};

struct LoaderOptions {
  int64_t batch = 128;
  uint64_t seed = 1;
  int64_t epoch = 0;
  bool shuffle = true;     ///< false: the order of the dataset
  bool drop_last = false;  ///< drop an incomplete last batch
  int64_t views = 1;       ///< V: augmented copies of each image in its batch
  Augment augment = {};    ///< empty: none, and the dataset has the input size of the network; otherwise it may be larger
  Preprocessing preprocessing = {};
  int workers = 1;  ///< threads that read, decode and augment; 0: as many as the kernels use. One thread makes a whole batch. At most
                    ///< workers + 2 batches, or 1 GiB (but two batches), are made ahead
  int64_t first_batch = 0;  ///< number of batches to skip (resume)
};

/// One epoch: `for (const Batch& batch : Loader(data, options))`. An Error in a worker is rethrown by the loop at the batch in which it
/// occurred.
class Loader {
 public:
  Loader(const Dataset& dataset, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;

  int64_t batches() const;  ///< in the whole epoch
  /// Time that the loop has waited for batches in this epoch. Excludes the first batch, which cannot be made ahead.
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
