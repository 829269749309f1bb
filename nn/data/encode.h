#pragma once
// Pixels to PNG files.

#include <string>

#include "nn/data/resize.h"

namespace nn {

/// Whole or not at all (nn/atomic_file.h). Faults are Errors that name the path.
void write_png(const std::string& path, const Image& image);

}  // namespace nn
