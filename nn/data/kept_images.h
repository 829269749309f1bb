#pragma once
// Images of a small set, kept once they are made. Thread-safe: an image is written once, under the lock, and read when its flag is up.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>

namespace nn {

class KeptImages {
 public:
  static constexpr int64_t most_bytes = 256 << 20;  ///< of a set that is kept; of a larger one every image is made anew

  KeptImages(int64_t images, int64_t image_bytes) : image_bytes_(static_cast<size_t>(image_bytes)) {
    if (images > most_bytes / image_bytes) return;
    pixels_ = std::unique_ptr<uint8_t[]>(new uint8_t[static_cast<size_t>(images) * image_bytes_]);  // not touched before it is written
    is_kept_ = std::make_unique<std::atomic<bool>[]>(static_cast<size_t>(images));
  }

  /// Image `index` into `pixels`; make(pixels) where it is not there yet.
  template <class Make>
  void read(int64_t index, uint8_t* pixels, const Make& make) const {
    if (pixels_ == nullptr) return make(pixels);
    std::atomic<bool>& is_kept = is_kept_[index];
    uint8_t* kept = pixels_.get() + static_cast<size_t>(index) * image_bytes_;
    if (is_kept.load(std::memory_order_acquire)) {
      std::memcpy(pixels, kept, image_bytes_);
      return;
    }
    make(pixels);
    const std::lock_guard lock(keeping_);
    if (is_kept.load(std::memory_order_relaxed)) return;
    std::memcpy(kept, pixels, image_bytes_);
    is_kept.store(true, std::memory_order_release);
  }

 private:
  size_t image_bytes_;
  mutable std::mutex keeping_;
  std::unique_ptr<uint8_t[]> pixels_;
  std::unique_ptr<std::atomic<bool>[]> is_kept_;
};

}  // namespace nn
