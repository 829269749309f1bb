#pragma once
// Antialiased bilinear resize, as Pillow's: a triangle filter as wide as the reduction, one pass per axis, each rounded to u8.
// Columns first, then rows: Pillow's bytes before its version 13, which takes rows first where the height shrinks much more.
// The same for ID and OOD pictures: aliasing alone makes a set look out-of-distribution.

#include <cstdint>
#include <vector>

namespace nn {

struct Picture {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;  ///< height x width x 3, rows top down, red green blue
};

Picture resize(const Picture& picture, int64_t height, int64_t width);

}  // namespace nn
