#pragma once
// Framed images of a set as one file of bytes, so that no JPEG is decoded twice.
//
//   header    8 bytes of magic with the format's version, key (16 bytes), images (i64), bytes of each (i64)
//   pixels    images x bytes
//   sums      XXH3-64 of each image, seeded with its index; then XXH3-64 of header and sums
//
// The file's name says which set it is (folder, names of its images, framing), the key which state of it (size and time of change of
// every image). A file of another state, cut or damaged is made anew; an image whose sum does not fit is never returned.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/data/resize.h"

namespace nn {

/// What decides the bytes.
struct DecodedSet {
  std::string root;                ///< folder of the images
  std::vector<std::string> names;  ///< below it
  Framing framing;
};

class DecodedCache {
 public:
  /// Writes one image; called from several threads while the cache is filled. What it throws ends the filling, and nothing is left
  /// behind.
  using Decode = std::function<void(int64_t index, uint8_t* pixels)>;

  /// The cache of that set in `folder`, filled where it is absent or out of date. Several processes may do that at once. Where the folder
  /// cannot be written (read-only, full): one warning on stderr, and nullptr.
  static std::unique_ptr<DecodedCache> open(const std::string& folder, const DecodedSet& set, const Decode& decode);
  ~DecodedCache();
  DecodedCache(const DecodedCache&) = delete;

  /// False, and once a warning, where the image is damaged; the file is then removed, to be made anew by the next open(). Thread-safe.
  bool read(int64_t index, uint8_t* pixels) const;
  const std::string& path() const { return path_; }

 private:
  DecodedCache() = default;
  bool load(const std::string& header, int64_t images, int64_t image_bytes);

  std::string path_;
  int file_ = -1;
  size_t image_bytes_ = 0;
  std::vector<uint64_t> sums_;
  mutable std::atomic<bool> is_damaged_{false};
};

}  // namespace nn
