#pragma once
// The validation split: images of a dataset that training never uses. It selects the best epoch.

#include <memory>
#include <string>
#include <vector>

#include "nn/checkpoint.h"
#include "nn/data/dataset.h"

namespace nn {

struct Split {
  std::vector<int64_t> training, validation;  ///< indices into the dataset, ascending
};

/// Draws round(fraction * n) of the n images of each class for validation, by philox(seed, Stream::validation, image name): an image's draw
/// does not depend on the order of the dataset. Small classes may give none. 0 <= fraction < 1. Errors: an image without a label, a class
/// that would keep no training image.
Split split_by_class(const Dataset& data, double fraction, uint64_t seed);

/// Writes the split into the metadata: "val_ids" (indices into `data`), "val_data" (the dataset's spec) and "val_names" (a hash of the
/// image names, which detects another dataset or order).
void record_validation(Checkpoint& checkpoint, const Dataset& data, const std::vector<int64_t>& ids);
/// Removes the split from the metadata.
void forget_validation(Checkpoint& checkpoint);
/// The recorded indices; empty where there are none. Reads the keys of earlier versions too ("held_out_ids" ...). Indices that do not
/// ascend are an error.
std::vector<int64_t> validation_ids(const Checkpoint& checkpoint);
/// The validation images. A `data` whose image names differ from the recorded ones is an error.
std::unique_ptr<Dataset> validation_images(const Checkpoint& checkpoint, std::shared_ptr<const Dataset> data);

}  // namespace nn
