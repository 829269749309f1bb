#pragma once
// The outlines of the synthetic set's objects, within about the unit circle around (0, 0).

#include <string>
#include <vector>

#include "nn/data/canvas.h"

namespace nn::synthetic {

struct NamedOutline {
  std::string name;
  Outline outline;
};
/// The classes, in the order of their labels.
const std::vector<NamedOutline>& known_outlines();
/// Outlines of no class: near out-of-distribution.
const std::vector<NamedOutline>& unseen_outlines();

}  // namespace nn::synthetic
