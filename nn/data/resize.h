#pragma once
// Antialiased bilinear resize, bit-equal to Pillow's: a triangle filter as wide as the reduction, one pass per axis, each rounded to u8.
// Columns come first, then rows, as in Pillow before version 13 (later versions start with the rows if the height shrinks much more).
// ID and OOD images use the same filter, because aliasing alone makes a dataset look out-of-distribution.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nn {

struct Image {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;  ///< height x width x 3; rows from top to bottom; red, green, blue
};

Image resize(const Image& image, int64_t height, int64_t width);

/// How an image becomes a square.
enum class Crop {
  squash,  ///< resizes each axis by its own factor
  center,  ///< resizes the short side to Framing::short_side, then takes the center crop: torchvision's Resize and CenterCrop
};
/// Names in files and on command lines.
const std::vector<std::pair<std::string, Crop>>& crop_names();

/// Stored with the weights: inference must use the framing of training.
struct Framing {
  int64_t size = 32;  ///< edge of the square
  Crop crop = Crop::squash;
  int64_t short_side = 0;  ///< of Crop::center, >= size; 0: size
};

constexpr int64_t max_resized_pixels = 100'000'000;  ///< of a resized image before the crop

/// size x size pixels. An image so elongated that it would exceed max_resized_pixels is an Error.
Image framed(const Image& image, const Framing& framing);

}  // namespace nn
