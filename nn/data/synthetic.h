#pragma once
// A procedural data set: textured objects of several shapes on cluttered backgrounds, and sets that are out of its distribution.
// Every image is a function of (name, split, seed, index).

#include <memory>
#include <string>

#include "nn/data/dataset.h"

namespace nn {

/// ID: "shapes" (split train or test; classes are shapes). OOD: "unseen-shapes", "textures", "scenes", "noise", "strokes".
std::unique_ptr<Dataset> open_synthetic(const DataSpec& spec, const Framing& framing);
std::vector<std::string> synthetic_ood_sets();

}  // namespace nn
