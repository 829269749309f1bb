#pragma once
// Images held out of training: what is chosen on them (the best epoch, a detector's threshold) is chosen on images the weights never
// saw.

#include <memory>
#include <string>
#include <vector>

#include "nn/checkpoint.h"
#include "nn/data/dataset.h"

namespace nn {

struct Split {
  std::vector<int64_t> training, held_out;  ///< indices into the set, rising
};

/// Of each class, round(share * its images) are held out, drawn by philox(seed, Stream::holdout, name of the image), so that an
/// image's draw does not depend on the set's order. Small sets may give none. 0 <= share < 1; every image has a label; a class that
/// would keep no image to train on is an error.
Split hold_out(const Dataset& data, double share, uint64_t seed);

/// Writes what was held out into the metadata: "held_out_ids" (indices into `data`, blanks between), "held_out_of" (the set's spec) and
/// "held_out_names" (a hash of the images' names, so that another set or order is noticed).
void record_held_out(Checkpoint& checkpoint, const Dataset& data, const std::vector<int64_t>& held_out);
/// The ids back; empty where nothing was held out, or the file says nothing of it. Anything but rising indices is an error.
std::vector<int64_t> held_out_ids(const Checkpoint& checkpoint);
/// The same as images. `data` must be the set that the network was trained on; a set of other names is an error that says so.
std::unique_ptr<Dataset> held_out_images(const Checkpoint& checkpoint, std::shared_ptr<const Dataset> data);

}  // namespace nn
