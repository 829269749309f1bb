#pragma once
// The scales of CSD: named rectangles of a feature map (mode/README.md, eq. (11)).

#include <string>
#include <vector>

#include "tensor/ops/region_pool.h"

namespace mode {

struct Scale {
  std::string name;  ///< "global", "quadrant 1" .. "quadrant 4", "center", "grid3 1" .. "grid3 9", "position 1" ..
  tensor::ops::Rect region;
  std::string set = {};  ///< of which set it is one: "quadrants"
};

/// global     rows 0 .. H, columns 0 .. W
/// quadrants  rows floor(iH/2) .. ceil((i+1)H/2), i = 0, 1, likewise columns; not for H or W = 1
/// center     rows floor(H/4) .. H - floor(H/4), likewise columns; not for H or W < 4
/// grid3      thirds as quadrants are halves; not for H or W < 3
/// all        every position
const std::vector<std::string>& known_scale_sets();
/// The current name of a scale set: "center" for the earlier spelling "centre", else `name` itself.
std::string scale_set_name(const std::string& name);
/// The scales of an H x W map that these sets have, set by set in the given order. `left_out`, when not null, says which the map is too
/// small for. An unknown name is an error that lists the known ones.
std::vector<Scale> scales_of(const std::vector<std::string>& sets, int64_t height, int64_t width,
                             std::vector<std::string>* left_out = nullptr);

/// Those of the paper: global, quadrants, center.
const std::vector<std::string>& csd_scale_sets();
std::vector<Scale> csd_scales(int64_t height, int64_t width, std::vector<std::string>* left_out = nullptr);

std::vector<tensor::ops::Rect> regions_of(const std::vector<Scale>& scales);

/// A rectangle of a height x width map in pixels of the network's size x size input, edges rounded to whole ones: the part of the image
/// that the vectors stand above. (They have seen more: their receptive fields reach beyond.)
tensor::ops::Rect in_pixels(const tensor::ops::Rect& region, int64_t height, int64_t width, int64_t size);

}  // namespace mode
