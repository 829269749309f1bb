#pragma once
// PNG and JPEG files to pixels.

#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/resize.h"

namespace nn {

constexpr int64_t most_pixels = 100'000'000;  ///< of an image; more is refused before anything is allocated for it

/// Gray and CMYK become RGB, alpha is laid over white, 16 bits become the upper 8; an orientation tag is not obeyed. Format by content, not
/// by name. Throws an Error naming the file for anything that is not a whole PNG or JPEG (cut short, a check sum that does not fit, an end
/// that is missing), or has more than most_pixels.
Image decode_image(const std::string& path);
/// The same from memory; `name` is for the messages.
Image decode_image(const std::vector<uint8_t>& bytes, const std::string& name);

enum class ImageFormat { none, png, jpeg };
/// By the first bytes of a file; 8 are enough.
ImageFormat image_format(const std::vector<uint8_t>& bytes);

}  // namespace nn
