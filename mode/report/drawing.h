#pragma once
// Images of images: small ones enlarged, outlined, colored and captioned on a white sheet. All places are pixels, rows down.

#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/resize.h"
#include "tensor/ops/region_pool.h"

namespace mode::tools {

using tensor::ops::Region;

struct Color {
  uint8_t red, green, blue;
};
constexpr Color ink = {40, 40, 40}, marked = {60, 255, 90};

/// White. At most 16384 pixels an edge: an error that ends with `remedy`.
nn::Image blank_sheet(int64_t height, int64_t width, const std::string& remedy);
/// Each pixel as a square of `zoom` pixels: what is there is shown, and nothing in between.
nn::Image enlarged(const nn::Image& image, int64_t zoom);
/// Edge at which an image of that edge is looked at: a multiple of it, at least 128, up to 256; larger ones are shown in 256.
int64_t edge_to_look_at(int64_t size);
/// A square image with that edge: enlarged where it is a multiple of the image's own, else resized.
nn::Image with_edge(const nn::Image& image, int64_t edge);

/// Onto the sheet, its upper left corner at (top, left). It must fit.
void paste(nn::Image& sheet, int64_t top, int64_t left, const nn::Image& image);
/// A bright frame just inside the box, with a dark line along it, so that it is seen on any ground.
void outline(nn::Image& image, const Region& box);
/// The image in gray, and over each box its heat, 0 (none: the gray alone) .. 1; where boxes overlap, the mean of theirs.
void lay_heat(nn::Image& image, const std::vector<Region>& boxes, const std::vector<double>& heat);
/// Letters of 3 x 5 squares of `zoom` pixels, in capitals; what there is no letter for is left blank, and what does not fit is cut off.
void write_text(nn::Image& sheet, int64_t top, int64_t left, const std::string& text, int64_t zoom = 2);

}  // namespace mode::tools
