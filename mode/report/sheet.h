#pragma once
// PNG sheets: images of a dataset and their augmented views.

#include <cstdint>
#include <string>

#include "nn/data/dataset.h"

namespace mode {

struct SheetOptions {
  std::string path;  ///< PNG to write
  std::string augment = "crop-flip";
  int64_t size = 32;  ///< edge of an augmented view, in pixels
  int64_t views = 7, images = 8;
  uint64_t seed = 1;
  int64_t epoch = 0;
};
/// Writes one row per image, for the first `images` of the dataset: the original, then its augmented views. Returns the number of rows.
int64_t write_sheet(const nn::Dataset& dataset, const SheetOptions& options);

}  // namespace mode
