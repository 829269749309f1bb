#include "nn/data/loader.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "nn/data/readers.h"
#include "tensor/parallel.h"

namespace nn {
namespace {
constexpr size_t batches_ahead = 3;
}

// The prefetch thread makes batches into `ready`, at most batches_ahead of them; the loop takes them out. All members below the mutex
// belong to whoever holds it; `current` to the loop alone.
struct Loader::State {
  State(const Dataset& set, LoaderOptions wanted) : dataset(set), options(std::move(wanted)) {
    const Preprocessing& preprocessing = options.preprocessing;
    CHECK(options.batch >= 1, "a batch of {} pictures; use at least 1", options.batch);
    CHECK(preprocessing.size == dataset.picture_size(),
          "the loader's preprocessing wants {0} x {0} pixels, {1} delivers {2} x {2}; open it with that size", preprocessing.size,
          dataset.spec(), dataset.picture_size());
    for (int channel = 0; channel < 3; ++channel) {
      const double mean = preprocessing.mean[channel], std = preprocessing.std[channel];
      CHECK(std::isfinite(mean) && std::isfinite(std) && std > 0, "normalisation of channel {} by mean {} and std {}; std must be positive",
            channel, mean, std);
      for (int value = 0; value < 256; ++value)
        normalised[static_cast<size_t>(channel)][static_cast<size_t>(value)] = static_cast<float>((value / 255.0 - mean) / std);
    }
    const int64_t size = dataset.size();
    batches = options.drop_last ? size / options.batch : (size + options.batch - 1) / options.batch;
    CHECK(batches > 0 || size == 0,
          "{} has {} pictures, not one full batch of {}, and the last partial one is dropped; use a smaller batch", dataset.spec(), size,
          options.batch);
    CHECK(options.first_batch >= 0 && options.first_batch <= batches, "first batch {} of an epoch of {}", options.first_batch, batches);
    if (options.shuffle) {
      order = permutation(size, options.seed, static_cast<uint64_t>(options.epoch));
    } else {
      order.resize(static_cast<size_t>(size));
      std::iota(order.begin(), order.end(), int64_t{0});
    }
  }
  ~State() { stop(); }

  void start() {
    stop();
    stopping = false;
    ended = false;
    fault = nullptr;
    ready.clear();
    thread = std::thread([this] { run(); });
  }

  void stop() {
    stopping = true;
    {
      const std::lock_guard lock(mutex);  // so that the thread is either before its check of `stopping` or already waiting
      wake.notify_all();
    }
    if (thread.joinable()) thread.join();
  }

  /// False at the end of the epoch; throws what the thread met.
  bool next() {
    std::unique_lock lock(mutex);
    wake.wait(lock, [this] { return ended || !ready.empty(); });
    if (ready.empty()) {
      current = Batch();
      if (fault) std::rethrow_exception(std::exchange(fault, nullptr));
      return false;
    }
    current = std::move(ready.front());
    ready.pop_front();
    wake.notify_all();
    return true;
  }

  void run() {
    tensor::this_thread_runs_alone();
    std::exception_ptr caught;
    try {
      for (int64_t no = options.first_batch; no < batches && !stopping; ++no) {
        Batch batch = make(no);
        std::unique_lock lock(mutex);
        wake.wait(lock, [this] { return stopping || ready.size() < batches_ahead; });
        ready.push_back(std::move(batch));
        wake.notify_all();
      }
    } catch (...) {
      caught = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    fault = caught;
    ended = true;
    wake.notify_all();
  }

  Batch make(int64_t no) const {
    const int64_t begin = no * options.batch, count = std::min(options.batch, dataset.size() - begin), size = dataset.picture_size();
    const int64_t bytes = size * size * 3;
    Batch batch{Tensor({count, size, size, 3}), Tensor({count}, tensor::Dtype::i64), Tensor({count}, tensor::Dtype::i64)};
    float* out = batch.pictures.data<float>();
    std::vector<uint8_t> pixels(static_cast<size_t>(bytes));
    for (int64_t i = 0; i < count && !stopping; ++i) {
      const int64_t id = order[static_cast<size_t>(begin + i)];
      batch.ids.data<int64_t>()[i] = id;
      batch.labels.data<int64_t>()[i] = dataset.label(id);
      dataset.read(id, pixels.data());
      if (options.augment) options.augment(pixels.data(), size, {options.seed, options.epoch, id});
      for (int64_t at = 0; at < bytes; at += 3, out += 3) {
        out[0] = normalised[0][pixels[static_cast<size_t>(at)]];
        out[1] = normalised[1][pixels[static_cast<size_t>(at + 1)]];
        out[2] = normalised[2][pixels[static_cast<size_t>(at + 2)]];
      }
    }
    return batch;
  }

  const Dataset& dataset;
  const LoaderOptions options;
  std::array<std::array<float, 256>, 3> normalised;  // of every pixel value, per channel
  std::vector<int64_t> order;
  int64_t batches = 0;
  std::thread thread;
  std::atomic<bool> stopping = false;
  Batch current;

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Batch> ready;
  std::exception_ptr fault;
  bool ended = false;
};

Loader::Loader(const Dataset& dataset, LoaderOptions options) : state_(std::make_unique<State>(dataset, std::move(options))) {}
Loader::~Loader() = default;

int64_t Loader::batches() const { return state_->batches; }

Loader::Iterator Loader::begin() {
  state_->start();
  Iterator iterator;
  iterator.loader_ = this;
  return ++iterator;
}
Loader::Iterator Loader::end() { return {}; }

Loader::Iterator& Loader::Iterator::operator++() {
  CHECK(loader_ != nullptr, "a loader's iterator was moved past the end of the epoch");
  if (!loader_->state_->next()) loader_ = nullptr;
  return *this;
}
const Batch& Loader::Iterator::operator*() const {
  CHECK(loader_ != nullptr, "a loader's iterator was read at the end of the epoch");
  return loader_->state_->current;
}
bool Loader::Iterator::operator!=(const Iterator& other) const { return loader_ != other.loader_; }

}  // namespace nn
