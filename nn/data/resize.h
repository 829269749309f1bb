#pragma once
// Antialiased bilinear resize, as Pillow's: a triangle filter as wide as the reduction, one pass per axis, each rounded to u8.
// Columns first, then rows: Pillow's bytes before its version 13, which takes rows first where the height shrinks much more.
// The same for ID and OOD images: aliasing alone makes a set look out-of-distribution.

#include <cstdint>
#include <vector>

namespace nn {

struct Image {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;  ///< height x width x 3, rows top down, red green blue
};

Image resize(const Image& image, int64_t height, int64_t width);

/// How an image that is no square of the wanted size becomes one.
enum class Crop {
  squash,  ///< each axis resized by its own factor
  center,  ///< the short side resized to Framing::short_side, then the middle cut out: torchvision's Resize and CenterCrop
};

/// Belongs to the weights: what a network was trained on is what it must see.
struct Framing {
  int64_t size = 32;  ///< edge of the square
  Crop crop = Crop::squash;
  int64_t short_side = 0;  ///< of Crop::center, >= size; 0: size itself
};

constexpr int64_t most_framed_pixels = 100'000'000;  ///< that the resized image may have before it is cut

/// size x size pixels. An Error where an image is so long and narrow that it would grow beyond most_framed_pixels.
Image framed(const Image& image, const Framing& framing);

}  // namespace nn
