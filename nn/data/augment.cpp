#include <algorithm>
#include <cstring>
#include <vector>

#include "nn/data/loader.h"
#include "nn/text.h"
#include "tensor/philox.h"

namespace nn {

Augment crop_and_flip(int64_t pad) {
  CHECK(pad >= 0 && pad <= 4096, "crop_and_flip with a border of {} pixels; use 0 to 4096", pad);
  return [pad](uint8_t* pixels, int64_t size, const AugmentKey& key) {
    const auto words =
        tensor::philox(key.seed, tensor::Stream::augment, static_cast<uint64_t>(key.picture), static_cast<uint32_t>(key.epoch));
    const auto offsets = static_cast<uint32_t>(2 * pad + 1);
    const int64_t up = static_cast<int64_t>(tensor::uniform_below(words[0], offsets)) - pad;
    const int64_t left = static_cast<int64_t>(tensor::uniform_below(words[1], offsets)) - pad;
    const bool flip = (words[2] >> 31) != 0;

    // Output (row, column) is input (row + up, column + left), black outside, and then mirrored.
    thread_local std::vector<uint8_t> source;
    source.assign(pixels, pixels + size * size * 3);
    const int64_t first = std::clamp<int64_t>(-left, 0, size), last = std::clamp<int64_t>(size - left, first, size);
    for (int64_t row = 0; row < size; ++row) {
      uint8_t* out = pixels + row * size * 3;
      const int64_t from = row + up;
      if (from < 0 || from >= size) {
        std::memset(out, 0, static_cast<size_t>(size * 3));
        continue;
      }
      std::memset(out, 0, static_cast<size_t>(first * 3));
      if (last > first)
        std::memcpy(out + first * 3, source.data() + (from * size + first + left) * 3, static_cast<size_t>((last - first) * 3));
      std::memset(out + last * 3, 0, static_cast<size_t>((size - last) * 3));
      if (!flip) continue;
      for (int64_t a = 0, b = size - 1; a < b; ++a, --b)
        for (int64_t channel = 0; channel < 3; ++channel) std::swap(out[3 * a + channel], out[3 * b + channel]);
    }
  };
}

Augment augment_by_name(const std::string& name) {
  if (name == "none") return {};
  if (name == "crop-flip") return crop_and_flip();
  throw tensor::Error(fmt::format("there is no augmentation '{}'; there are {}", printable(name), joined(known_augments())));
}

const std::vector<std::string>& known_augments() {
  static const std::vector<std::string> names = {"none", "crop-flip"};
  return names;
}

}  // namespace nn
