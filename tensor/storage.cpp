#include "tensor/storage.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "tensor/check.h"
#include "tensor/cuda/cuda.h"
#include "tensor/math.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STORAGE_CACHE 0
#else
#define STORAGE_CACHE 1
#endif

namespace tensor {
namespace {

constexpr int64_t alignment = 64;

/// Freed blocks by capacity. A request takes the smallest block that fits and is at most an eighth too large,
/// so that a training step, whose sizes repeat, finds its own blocks again and wastes little.
struct Cache {
  std::mutex mutex;
  std::multimap<int64_t, std::byte*> blocks;
  StorageStatistics statistics;
};

/// Never destroyed: tensors with static lifetime may be freed after any other static object.
Cache& cache() {
  static Cache* instance = new Cache;
  return *instance;
}

std::byte* allocate(int64_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, static_cast<size_t>(bytes)) != 0) return nullptr;
  return static_cast<std::byte*>(memory);
}

}  // namespace

Storage::Storage(int64_t bytes, Device device) : bytes_(bytes), device_(device) {
  CHECK(bytes >= 0, "storage of {} bytes", bytes);
  if (!device.is_cpu()) {
    data_ = static_cast<std::byte*>(cuda::allocate(bytes, device.index));
    return;
  }
  Cache& pool = cache();
  std::unique_lock lock(pool.mutex);
  if (STORAGE_CACHE) {
    capacity_ = std::max<int64_t>(alignment, round_up(bytes, alignment));
    const auto block = pool.blocks.lower_bound(capacity_);
    if (block != pool.blocks.end() && block->first <= capacity_ + capacity_ / 8) {
      capacity_ = block->first;
      data_ = block->second;
      pool.blocks.erase(block);
      pool.statistics.cached_bytes -= capacity_;
    }
  } else {
    capacity_ = std::max<int64_t>(1, bytes);
  }
  if (data_ == nullptr) data_ = allocate(capacity_);
  if (data_ == nullptr && !pool.blocks.empty()) {
    lock.unlock();
    release_cached_storage();
    lock.lock();
    data_ = allocate(capacity_);
  }
  CHECK(data_ != nullptr, "out of memory: asked for {} bytes while tensors hold {}; use a smaller batch", bytes,
        pool.statistics.live_bytes);
  pool.statistics.live_bytes += capacity_;
  pool.statistics.peak_bytes = std::max(pool.statistics.peak_bytes, pool.statistics.live_bytes);
}

Storage::~Storage() {
  if (!device_.is_cpu()) {
    cuda::deallocate(data_, bytes_, device_.index);
    return;
  }
  Cache& pool = cache();
  const std::lock_guard lock(pool.mutex);
  pool.statistics.live_bytes -= capacity_;
  if (STORAGE_CACHE) {
    try {
      pool.blocks.emplace(capacity_, data_);
      pool.statistics.cached_bytes += capacity_;
    } catch (const std::bad_alloc&) {  // no memory for the note of it
      std::free(data_);
    }
  } else {
    std::free(data_);
  }
}

StorageStatistics storage_statistics() {
  const std::lock_guard lock(cache().mutex);
  return cache().statistics;
}

void reset_peak_bytes() {
  const std::lock_guard lock(cache().mutex);
  cache().statistics.peak_bytes = cache().statistics.live_bytes;
}

void release_cached_storage() {
  Cache& pool = cache();
  const std::lock_guard lock(pool.mutex);
  for (const auto& [capacity, data] : pool.blocks) std::free(data);
  pool.blocks.clear();
  pool.statistics.cached_bytes = 0;
}

}  // namespace tensor
