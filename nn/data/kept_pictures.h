#pragma once
// Pictures of a small set, kept once they are made. Thread-safe: a picture is written once, under the lock, and read when its flag is up.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>

namespace nn {

class KeptPictures {
 public:
  static constexpr int64_t most_bytes = 256 << 20;  ///< of a set that is kept; of a larger one every picture is made anew

  KeptPictures(int64_t pictures, int64_t picture_bytes) : picture_bytes_(static_cast<size_t>(picture_bytes)) {
    if (pictures > most_bytes / picture_bytes) return;
    pixels_ = std::unique_ptr<uint8_t[]>(new uint8_t[static_cast<size_t>(pictures) * picture_bytes_]);  // not touched before it is written
    is_kept_ = std::make_unique<std::atomic<bool>[]>(static_cast<size_t>(pictures));
  }

  /// Picture `index` into `pixels`; make(pixels) where it is not there yet.
  template <class Make>
  void read(int64_t index, uint8_t* pixels, const Make& make) const {
    if (pixels_ == nullptr) return make(pixels);
    std::atomic<bool>& is_kept = is_kept_[static_cast<size_t>(index)];
    uint8_t* kept = pixels_.get() + static_cast<size_t>(index) * picture_bytes_;
    if (is_kept.load(std::memory_order_acquire)) {
      std::memcpy(pixels, kept, picture_bytes_);
      return;
    }
    make(pixels);
    const std::lock_guard lock(keeping_);
    if (is_kept.load(std::memory_order_relaxed)) return;
    std::memcpy(kept, pixels, picture_bytes_);
    is_kept.store(true, std::memory_order_release);
  }

 private:
  size_t picture_bytes_;
  mutable std::mutex keeping_;
  std::unique_ptr<uint8_t[]> pixels_;
  std::unique_ptr<std::atomic<bool>[]> is_kept_;
};

}  // namespace nn
