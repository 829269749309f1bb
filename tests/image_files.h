#pragma once
// Files for the tests of the dataset readers: PNGs of every color type, JPEGs, CIFAR records.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

#include "tensor/philox.h"

namespace files {

using Bytes = std::vector<uint8_t>;

inline Bytes random_bytes(size_t count, uint64_t seed) {
  Bytes bytes;
  for (uint32_t i = 0; bytes.size() < count; ++i)
    for (const uint32_t word : tensor::philox(seed, tensor::Stream::test, i)) bytes.push_back(static_cast<uint8_t>(word >> 24));
  bytes.resize(count);
  return bytes;
}

inline void append_big_endian(Bytes& bytes, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
}

inline uint32_t crc_of(const Bytes& bytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

inline void append_chunk(Bytes& png, const std::string& type, const Bytes& data) {
  append_big_endian(png, static_cast<uint32_t>(data.size()));
  Bytes body(type.begin(), type.end());
  body.insert(body.end(), data.begin(), data.end());
  png.insert(png.end(), body.begin(), body.end());
  append_big_endian(png, crc_of(body));
}

struct Png {
  uint32_t width = 1, height = 1;
  uint8_t depth = 8, color_type = 2;  ///< 0 gray, 2 RGB, 3 palette, 4 gray + alpha, 6 RGBA
  Bytes samples;                      ///< in the layout of the format; rows without filter bytes
  Bytes palette;
};

/// An uncompressed PNG with stored deflate blocks.
inline Bytes png_bytes(const Png& png) {
  Bytes out = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, header;
  append_big_endian(header, png.width);
  append_big_endian(header, png.height);
  header.insert(header.end(), {png.depth, png.color_type, 0, 0, 0});
  append_chunk(out, "IHDR", header);
  if (!png.palette.empty()) append_chunk(out, "PLTE", png.palette);
  const size_t row_bytes = png.height == 0 ? 0 : png.samples.size() / png.height;
  Bytes raw;
  for (uint32_t row = 0; row < png.height; ++row) {
    raw.push_back(0);
    raw.insert(raw.end(), png.samples.begin() + static_cast<long>(row * row_bytes),
               png.samples.begin() + static_cast<long>((row + 1) * row_bytes));
  }
  Bytes data = {0x78, 0x01};
  uint32_t a = 1, b = 0;
  for (size_t at = 0; at < raw.size();) {
    const size_t count = std::min<size_t>(raw.size() - at, 65535);
    data.insert(data.end(), {static_cast<uint8_t>(at + count == raw.size()), static_cast<uint8_t>(count), static_cast<uint8_t>(count >> 8),
                             static_cast<uint8_t>(~count), static_cast<uint8_t>(~count >> 8)});
    for (const size_t end = at + count; at < end; ++at) {
      data.push_back(raw[at]);
      a = (a + raw[at]) % 65521;
      b = (b + a) % 65521;
    }
  }
  append_big_endian(data, b << 16 | a);
  append_chunk(out, "IDAT", data);
  append_chunk(out, "IEND", {});
  return out;
}

inline Bytes rgb_png(uint32_t height, uint32_t width, const Bytes& pixels) {
  return png_bytes({.width = width, .height = height, .samples = pixels, .palette = {}});
}

/// A gradient with some structure, so that its JPEG has AC coefficients.
inline Bytes gradient(int64_t height, int64_t width) {
  Bytes pixels;
  for (int64_t row = 0; row < height; ++row)
    for (int64_t column = 0; column < width; ++column)
      for (int64_t channel = 0; channel < 3; ++channel)
        pixels.push_back(
            static_cast<uint8_t>(40 + 150 * (channel == 0 ? row : column) / std::max(height, width) + 10 * ((row / 4 + column / 4) % 2)));
  return pixels;
}

inline Bytes jpeg_bytes(int height, int width, const Bytes& pixels, int channels = 3) {
  Bytes out;
  stbi_write_jpg_to_func(
      [](void* context, void* data, int size) {
        const auto* bytes = static_cast<const uint8_t*>(data);
        static_cast<Bytes*>(context)->insert(static_cast<Bytes*>(context)->end(), bytes, bytes + size);
      },
      &out, width, height, channels, pixels.data(), 95);
  return out;
}

/// Records of `label_bytes` labels (the last one is the fine one) and random pixels.
inline Bytes cifar_records(const std::vector<uint8_t>& labels, int label_bytes, uint64_t seed) {
  Bytes bytes;
  for (const uint8_t label : labels) {
    if (label_bytes == 2) bytes.push_back(static_cast<uint8_t>(label / 5));
    bytes.push_back(label);
    const Bytes pixels = random_bytes(3072, seed++);
    bytes.insert(bytes.end(), pixels.begin(), pixels.end());
  }
  return bytes;
}

}  // namespace files
