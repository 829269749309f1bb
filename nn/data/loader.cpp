#include "nn/data/loader.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "nn/data/readers.h"
#include "tensor/math.h"
#include "tensor/parallel.h"

namespace nn {
namespace {
constexpr int64_t batches_ahead = 3;  // plus one for each worker after the first
constexpr int max_workers = 64;
constexpr int64_t max_bytes_ahead = int64_t{1} << 30;  // of finished batches, but at least two batches
}  // namespace

// Workers claim batch numbers in order, make the batches and store them in `ready`; the loop takes them out in order. The mutex guards the
// members below it; `current` belongs to the loop alone.
struct Loader::State {
  State(const Dataset& set, LoaderOptions wanted) : dataset(set), options(std::move(wanted)) {
    const Preprocessing& preprocessing = options.preprocessing;
    CHECK(options.batch >= 1, "loader: a batch of {} images; use at least 1", options.batch);
    CHECK(options.views >= 1 && options.views <= 256, "loader: {} views of an image; use 1 to 256", options.views);
    CHECK(options.workers >= 0 && options.workers <= max_workers, "loader: {} workers; use 0 to {}", options.workers, max_workers);
    workers = options.workers > 0 ? options.workers : std::clamp(tensor::num_threads(), 1, max_workers);
    CHECK(options.augment ? preprocessing.size <= dataset.image_size() : preprocessing.size == dataset.image_size(),
          "loader: the preprocessing expects {0} x {0} pixels, {1} has {2} x {2}; open the dataset with that size{3}", preprocessing.size,
          dataset.spec(), dataset.image_size(), options.augment ? " or a larger one" : "");
    check_normalization(preprocessing, "loader");
    for (int channel = 0; channel < 3; ++channel)
      for (int value = 0; value < 256; ++value)
        normalized[channel][value] = static_cast<float>((value / 255.0 - preprocessing.mean[channel]) / preprocessing.std[channel]);
    const int64_t size = dataset.size();
    batches = options.drop_last ? size / options.batch : tensor::ceil_div(size, options.batch);
    CHECK(batches > 0 || size == 0, "loader: {} has {} images, less than one batch of {}, and drop_last is set; use a smaller batch",
          dataset.spec(), size, options.batch);
    CHECK(options.first_batch >= 0 && options.first_batch <= batches, "loader: first batch {}, expected 0 to {}", options.first_batch,
          batches);
    if (options.shuffle) {
      order = permutation(size, options.seed, static_cast<uint64_t>(options.epoch));
    } else {
      order.resize(size);
      std::iota(order.begin(), order.end(), int64_t{0});
    }
  }
  ~State() { stop(); }

  void start() {
    stop();
    stopping = false;
    ready.clear();
    claimed = taken = options.first_batch;
    seconds_waited = 0;
    for (int worker = 0; worker < workers; ++worker) threads.emplace_back([this] { run(); });
  }

  void stop() {
    stopping = true;
    {
      const std::lock_guard lock(mutex);  // so that a worker either has not checked `stopping` yet or waits already
      wake.notify_all();
    }
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }

  /// Returns false at the end of the epoch; rethrows the exception of a worker in this batch.
  bool next() {
    std::unique_lock lock(mutex);
    current = Batch();
    if (taken == batches) return false;
    const auto start = std::chrono::steady_clock::now();
    wake.wait(lock, [this] { return ready.count(taken) == 1; });
    if (taken > options.first_batch) seconds_waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    Result result = std::move(ready.at(taken));
    ready.erase(taken);
    if (result.fault) {
      taken = batches;
      std::rethrow_exception(result.fault);
    }
    current = std::move(result.batch);
    ++taken;
    wake.notify_all();
    return true;
  }

  void run() {
    tensor::this_thread_runs_alone();
    const int64_t bytes = options.views * options.batch * options.preprocessing.size * options.preprocessing.size * 3 * 4;
    const int64_t ahead = std::min(batches_ahead + workers - 1, std::max<int64_t>(2, max_bytes_ahead / bytes));
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [&] { return stopping || claimed == batches || claimed - taken < ahead; });
      if (stopping || claimed == batches) return;
      const int64_t no = claimed++;
      lock.unlock();
      Result result;
      try {
        result.batch = make(no);
      } catch (...) {
        result.fault = std::current_exception();
      }
      lock.lock();
      if (result.fault) claimed = batches;  // earlier batches are claimed already
      ready[no] = std::move(result);
      wake.notify_all();
    }
  }

  Batch make(int64_t no) const {
    const int64_t begin = no * options.batch, count = std::min(options.batch, dataset.size() - begin);
    const int64_t from_size = dataset.image_size(), size = options.preprocessing.size, elements = size * size * 3;
    Batch batch{.images = tensor::Tensor({options.views * count, size, size, 3}),
                .labels = tensor::Tensor({count}, tensor::Dtype::i64),
                .ids = tensor::Tensor({count}, tensor::Dtype::i64)};
    std::vector<uint8_t> source(from_size * from_size * 3), pixels(elements);
    for (int64_t i = 0; i < count && !stopping; ++i) {
      const int64_t id = order[begin + i];
      batch.ids.data<int64_t>()[i] = id;
      batch.labels.data<int64_t>()[i] = dataset.label(id);
      dataset.read(id, source.data());
      for (int64_t view = 0; view < options.views; ++view) {
        if (options.augment) options.augment(source.data(), from_size, pixels.data(), size, {options.seed, options.epoch, id, view});
        normalize(options.augment ? pixels.data() : source.data(), elements, batch.images.data<float>() + (view * count + i) * elements);
      }
    }
    return batch;
  }

  void normalize(const uint8_t* pixels, int64_t elements, float* out) const {
    for (int64_t at = 0; at < elements; at += 3)
      for (int64_t channel = 0; channel < 3; ++channel) out[at + channel] = normalized[channel][pixels[at + channel]];
  }

  struct Result {
    Batch batch;
    std::exception_ptr fault;
  };

  const Dataset& dataset;
  const LoaderOptions options;
  std::array<std::array<float, 256>, 3> normalized;  // [channel][pixel value]
  std::vector<int64_t> order;
  int64_t batches = 0;
  int workers = 1;
  std::vector<std::thread> threads;
  std::atomic<bool> stopping = false;
  Batch current;

  std::mutex mutex;
  std::condition_variable wake;
  std::map<int64_t, Result> ready;  // by batch number
  int64_t claimed = 0, taken = 0;   // the next batch for a worker; the next batch for the loop
  double seconds_waited = 0;
};

Loader::Loader(const Dataset& dataset, LoaderOptions options) : state_(std::make_unique<State>(dataset, std::move(options))) {}
Loader::~Loader() = default;

int64_t Loader::batches() const { return state_->batches; }
double Loader::seconds_waited() const { return state_->seconds_waited; }

Loader::Iterator Loader::begin() {
  state_->start();
  Iterator iterator;
  iterator.loader_ = this;
  return ++iterator;
}
Loader::Iterator Loader::end() { return {}; }

Loader::Iterator& Loader::Iterator::operator++() {
  CHECK(loader_ != nullptr, "loader: the iterator was advanced past the end of the epoch");
  if (!loader_->state_->next()) loader_ = nullptr;
  return *this;
}
const Batch& Loader::Iterator::operator*() const {
  CHECK(loader_ != nullptr, "loader: the iterator was dereferenced at the end of the epoch");
  return loader_->state_->current;
}
bool Loader::Iterator::operator!=(const Iterator& other) const { return loader_ != other.loader_; }

}  // namespace nn
