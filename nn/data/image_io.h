#pragma once
// Decoding of PNG and JPEG files, and encoding of PNG files. The only user of stb.

#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/resize.h"

namespace nn {

constexpr int64_t max_pixels = 100'000'000;  ///< of a decoded image; a larger one is refused before memory is allocated for it

/// Decodes a PNG or JPEG file; the content decides the format, not the name. Gray and CMYK become RGB, alpha is composited over white,
/// 16-bit channels keep their upper 8 bits, and the EXIF orientation is ignored. An Error names the file if it is not a complete PNG or
/// JPEG (truncated, wrong checksum, no end marker) or has more than max_pixels.
Image decode_image(const std::string& path);
/// Decodes from memory; `name` is for error messages.
Image decode_image(const std::vector<uint8_t>& bytes, const std::string& name);

enum class ImageFormat { none, png, jpeg };
/// The format by the first bytes of a file; 8 bytes are enough.
ImageFormat image_format(const std::vector<uint8_t>& bytes);

/// Writes a PNG file atomically (nn/files.h). Errors name the path.
void write_png(const std::string& path, const Image& image);

}  // namespace nn
