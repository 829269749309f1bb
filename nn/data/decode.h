#pragma once
// PNG and JPEG files to pixels.

#include <string>

#include "nn/data/resize.h"

namespace nn {

/// Grey becomes RGB, alpha is laid over white, 16 bits become 8. Format by content, not by name. Throws an Error naming the file for anything that
/// is not a whole PNG or JPEG, or has more than 100 million pixels.
Picture decode_picture(const std::string& path);

}  // namespace nn
