#pragma once
// Which rectangles of the last map CSD looks at (METHOD, section 4).

#include <string>
#include <vector>

#include "tensor/ops/region_pool.h"

namespace mode {

struct Scale {
  std::string name;  ///< "global", "quadrant 1" .. "quadrant 4", "centre"
  tensor::ops::Region region;
};

/// Scales of an H x W map, in this order: global, four quadrants, centre. Quadrants: rows floor(iH/2) .. ceil((i+1)H/2), likewise columns.
/// Centre: floor(H/4) .. H - floor(H/4). For H or W < 4 there is no centre, for H or W = 1 no quadrants; `left_out` says so when not null.
std::vector<Scale> csd_scales(int64_t height, int64_t width, std::vector<std::string>* left_out = nullptr);

std::vector<tensor::ops::Region> regions_of(const std::vector<Scale>& scales);

}  // namespace mode
