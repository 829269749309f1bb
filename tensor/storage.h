#pragma once
// Memory of tensors: 64-byte aligned, shared by reference count, kept for re-use when freed.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "tensor/device.h"

namespace tensor {

class Storage {
 public:
  /// `bytes` of uninitialized memory, aligned to 64. Under AddressSanitizer an allocation of exactly that size, else one from the cache; on
  /// a CUDA device from its pool (tensor/cuda/cuda.h).
  explicit Storage(int64_t bytes, Device device = {});
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
  int64_t capacity_ = 0;
  Device device_;
};

struct StorageStatistics {
  int64_t live_bytes = 0;    ///< held by tensors now
  int64_t peak_bytes = 0;    ///< the most that tensors ever held at once
  int64_t cached_bytes = 0;  ///< freed and kept for re-use
};
/// Of the CPU's memory; tensor/cuda/cuda.h has a device's.
StorageStatistics storage_statistics();
void reset_peak_bytes();

/// Gives the cached memory back to the system.
void release_cached_storage();

}  // namespace tensor
