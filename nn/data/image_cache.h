#pragma once
// Caches of framed images: in memory for small datasets, and on disk (cache=DIR), so that no JPEG is decoded twice.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "nn/data/resize.h"

namespace nn {

/// Keeps every image of a small dataset after its first use. Thread-safe: an image is written once under the lock, and read lock-free when
/// its flag is set.
class MemoryCache {
 public:
  static constexpr int64_t max_bytes = 256 << 20;  ///< of a cached dataset; a larger one is not cached at all

  MemoryCache(int64_t images, int64_t image_bytes) : image_bytes_(image_bytes) {
    if (images > max_bytes / image_bytes) return;
    pixels_ = std::unique_ptr<uint8_t[]>(new uint8_t[images * image_bytes]);  // not initialized: pages are touched when used
    is_cached_ = std::make_unique<std::atomic<bool>[]>(images);
  }

  /// Copies image `index` to `pixels`; make(pixels) creates it at its first use.
  template <class Make>
  void read(int64_t index, uint8_t* pixels, const Make& make) const {
    if (pixels_ == nullptr) return make(pixels);
    std::atomic<bool>& is_cached = is_cached_[index];
    uint8_t* cached = pixels_.get() + index * image_bytes_;
    if (is_cached.load(std::memory_order_acquire)) {
      std::memcpy(pixels, cached, image_bytes_);
      return;
    }
    make(pixels);
    const std::lock_guard lock(mutex_);
    if (is_cached.load(std::memory_order_relaxed)) return;
    std::memcpy(cached, pixels, image_bytes_);
    is_cached.store(true, std::memory_order_release);
  }

 private:
  int64_t image_bytes_;
  mutable std::mutex mutex_;
  std::unique_ptr<uint8_t[]> pixels_;
  std::unique_ptr<std::atomic<bool>[]> is_cached_;
};

/// The images of a DiskCache. They decide its content.
struct CacheKey {
  std::string root;                ///< folder of the images
  std::vector<std::string> names;  ///< paths below root
  Framing framing;
};

/// Framed images in one file:
///
///   header      8 bytes of magic with the format version, key (16 bytes), number of images (i64), bytes per image (i64)
///   pixels      images x bytes
///   checksums   XXH3-64 of each image, seeded with its index; then XXH3-64 of header and checksums
///
/// The file name depends on the CacheKey. The key in the header depends on the size and modification time of every image file. A file that is
/// outdated, truncated or damaged is written again; an image with a wrong checksum is never returned.
class DiskCache {
 public:
  /// Decodes one image; called from several threads while the cache is filled. An exception stops the filling and leaves no file.
  using Decode = std::function<void(int64_t index, uint8_t* pixels)>;

  /// The cache for `key` in `folder`, filled if it is absent or outdated. Several processes may fill it at once. If the folder cannot be
  /// written (read-only, full), prints one warning to stderr and returns nullptr.
  static std::unique_ptr<DiskCache> open(const std::string& folder, const CacheKey& key, const Decode& decode);
  ~DiskCache();
  DiskCache(const DiskCache&) = delete;

  /// Returns false if the image is damaged. The first such call prints a warning and removes the file, so that the next open() writes it
  /// again. Thread-safe.
  bool read(int64_t index, uint8_t* pixels) const;
  const std::string& path() const { return path_; }

 private:
  DiskCache() = default;
  bool load(const std::string& header, int64_t images, int64_t image_bytes);

  std::string path_;
  int file_ = -1;
  int64_t image_bytes_ = 0;
  std::vector<uint64_t> checksums_;
  mutable std::atomic<bool> is_damaged_{false};
};

}  // namespace nn
