#pragma once
// The scales of CSD: named rectangles of a feature map, and the regions of the input below them (mode/README.md, eq. (11)).

#include <string>
#include <vector>

#include "tensor/ops/region_pool.h"

namespace mode {

using Region = tensor::ops::Rect;  ///< a rectangle of the network's input, in pixels

struct Scale {
  std::string name;        ///< "global", "quadrant 1" .. "quadrant 4", "center", "grid3 1" .. "grid3 9", "position 1" ..
  tensor::ops::Rect rect;  ///< of the feature map
  std::string set = {};    ///< the scale set it belongs to, such as "quadrants"
};

/// Scale sets of an H x W feature map; columns follow the formulas of rows:
///   global     rows 0 .. H
///   quadrants  rows floor(i H / 2) .. ceil((i + 1) H / 2), i = 0, 1; H, W >= 2
///   center     rows floor(H / 4) .. H - floor(H / 4); H, W >= 4
///   grid3      rows floor(i H / 3) .. ceil((i + 1) H / 3), i = 0, 1, 2; H, W >= 3
///   all        each position
const std::vector<std::string>& known_scale_sets();
/// The current name of a scale set: "center" for the earlier spelling "centre", else `name` itself.
std::string scale_set_name(const std::string& name);
/// The scales of an H x W feature map in the order of `sets`. Sets that need a larger feature map are left out and, unless null, named in
/// `left_out` with the reason. An unknown name is an error that lists the known ones.
std::vector<Scale> scales_of(const std::vector<std::string>& sets, int64_t height, int64_t width,
                             std::vector<std::string>* left_out = nullptr);

/// The paper's sets: global, quadrants, center.
const std::vector<std::string>& csd_scale_sets();
std::vector<Scale> csd_scales(int64_t height, int64_t width, std::vector<std::string>* left_out = nullptr);

std::vector<tensor::ops::Rect> rects_of(const std::vector<Scale>& scales);

/// rows x columns parts of an H x W feature map, row by row: rows floor(i H / rows) .. ceil((i + 1) H / rows), columns by the same formula. Neighboring
/// parts overlap by one where the extent is not a multiple.
std::vector<tensor::ops::Rect> grid_rects(int64_t height, int64_t width, int64_t rows, int64_t columns);

/// The region of a size x size input, in pixels rounded to the nearest, below a rectangle of a height x width feature map. The receptive field
/// of the rectangle is larger.
Region input_region(const tensor::ops::Rect& rect, int64_t height, int64_t width, int64_t size);

}  // namespace mode
