#pragma once
// Pictures of pictures: small ones enlarged, outlined, coloured and captioned on a white sheet. All places are pixels, rows down.

#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/resize.h"
#include "tensor/ops/region_pool.h"

namespace mode::tools {

using tensor::ops::Region;

struct Colour {
  uint8_t red, green, blue;
};
constexpr Colour ink = {40, 40, 40}, marked = {60, 255, 90};

/// White. At most 16384 pixels an edge: an error that ends with `remedy`.
nn::Picture blank_sheet(int64_t height, int64_t width, const std::string& remedy);
/// Each pixel as a square of `zoom` pixels: what is there is shown, and nothing in between.
nn::Picture enlarged(const nn::Picture& picture, int64_t zoom);
/// Edge at which a picture of that edge is looked at: a multiple of it, at least 128, up to 256; larger ones are shown in 256.
int64_t edge_to_look_at(int64_t size);
/// A square picture with that edge: enlarged where it is a multiple of the picture's own, else resized.
nn::Picture with_edge(const nn::Picture& picture, int64_t edge);

/// Onto the sheet, its upper left corner at (top, left). It must fit.
void paste(nn::Picture& sheet, int64_t top, int64_t left, const nn::Picture& picture);
/// A bright frame just inside the box, with a dark line along it, so that it is seen on any ground.
void outline(nn::Picture& picture, const Region& box);
/// The picture in grey, and over each box its heat, 0 (none: the grey alone) .. 1; where boxes overlap, the mean of theirs.
void lay_heat(nn::Picture& picture, const std::vector<Region>& boxes, const std::vector<double>& heat);
/// Letters of 3 x 5 squares of `zoom` pixels, in capitals; what there is no letter for is left blank, and what does not fit is cut off.
void write_text(nn::Picture& sheet, int64_t top, int64_t left, const std::string& text, int64_t zoom = 2);

}  // namespace mode::tools
