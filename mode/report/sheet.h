#pragma once
// A contact sheet: images of a data set beside what augmentation makes of them, as one PNG to look at.

#include <cstdint>
#include <string>

#include "nn/data/dataset.h"

namespace mode::tools {

struct SheetOptions {
  std::string path;
  std::string augment = "crop-flip";
  int64_t size = 32;  ///< edge of an augmented image
  int64_t views = 7, images = 8;
  uint64_t seed = 1;
  int64_t epoch = 0;
};
/// A row for each of the first images: as the set delivers it, then its views.
void write_sheet(const nn::Dataset& dataset, const SheetOptions& options);

}  // namespace mode::tools
