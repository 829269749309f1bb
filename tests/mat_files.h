#pragma once
// Level 5 MAT-files for tests, byte by byte.

#include <zlib.h>

#include <cstring>

#include "tests/image_files.h"

namespace files {

constexpr uint32_t mat_int8 = 1, mat_uint8 = 2, mat_int32 = 5, mat_uint32 = 6, mat_double = 9, mat_matrix = 14, mat_compressed = 15;
constexpr uint32_t class_double = 6, class_uint8 = 9;

inline void append_word(Bytes& bytes, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
}

/// Tag, data, and zeros up to a multiple of 8; data of 1 to 4 bytes are part of the tag, as MATLAB writes them.
inline void append_element(Bytes& bytes, uint32_t type, const Bytes& data) {
  const bool in_tag = !data.empty() && data.size() <= 4;
  append_word(bytes, in_tag ? type | static_cast<uint32_t>(data.size()) << 16 : type);
  if (!in_tag) append_word(bytes, static_cast<uint32_t>(data.size()));
  bytes.insert(bytes.end(), data.begin(), data.end());
  while (bytes.size() % 8 != 0) bytes.push_back(0);
}

struct MatArray {
  std::string name;
  uint32_t array_class;
  std::vector<int32_t> shape;
  uint32_t type;
  Bytes data;
  uint32_t flags = 0;
};

inline Bytes mat_array(const MatArray& array) {
  Bytes body, flags, shape, out;
  append_word(flags, array.array_class | array.flags << 8);
  append_word(flags, 0);
  append_element(body, mat_uint32, flags);
  for (const int32_t extent : array.shape) append_word(shape, static_cast<uint32_t>(extent));
  append_element(body, mat_int32, shape);
  append_element(body, mat_int8, Bytes(array.name.begin(), array.name.end()));
  append_element(body, array.type, array.data);
  append_word(out, mat_matrix);
  append_word(out, static_cast<uint32_t>(body.size()));
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

inline Bytes compressed_element(const Bytes& element) {
  uLongf size = compressBound(static_cast<uLong>(element.size()));
  Bytes packed(size), out;
  compress(packed.data(), &size, element.data(), static_cast<uLong>(element.size()));
  packed.resize(size);
  append_word(out, mat_compressed);
  append_word(out, static_cast<uint32_t>(packed.size()));
  out.insert(out.end(), packed.begin(), packed.end());
  return out;
}

inline Bytes mat_header(const std::string& title = "MATLAB 5.0 MAT-file") {
  Bytes bytes(title.begin(), title.end());
  bytes.resize(124, ' ');
  bytes.insert(bytes.end(), {0x00, 0x01, 'I', 'M'});
  return bytes;
}

inline Bytes mat_file(const std::vector<MatArray>& arrays, bool compressed) {
  Bytes file = mat_header();
  for (const MatArray& array : arrays) {
    const Bytes element = compressed ? compressed_element(mat_array(array)) : mat_array(array);
    file.insert(file.end(), element.begin(), element.end());
  }
  return file;
}

/// X and y of SVHN; `pixels` has rows from top to bottom, interleaved channels, one image after the other.
inline std::vector<MatArray> svhn_arrays(const Bytes& pixels, const Bytes& labels) {
  Bytes columns(pixels.size());
  for (size_t image = 0; image < labels.size(); ++image)
    for (size_t row = 0; row < 32; ++row)
      for (size_t column = 0; column < 32; ++column)
        for (size_t channel = 0; channel < 3; ++channel)
          columns[image * 3072 + channel * 1024 + column * 32 + row] = pixels[image * 3072 + (row * 32 + column) * 3 + channel];
  const auto count = static_cast<int32_t>(labels.size());
  return {{"X", class_uint8, {32, 32, 3, count}, mat_uint8, columns}, {"y", class_uint8, {count, 1}, mat_uint8, labels}};
}

}  // namespace files
