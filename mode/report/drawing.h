#pragma once
// Drawing on images: enlarging, frames, heat colors, captions. Places are pixels; (top, left) is the upper left corner, rows grow downwards.

#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/dataset.h"
#include "nn/data/resize.h"
#include "tensor/ops/region_pool.h"

namespace mode {

struct Color {
  uint8_t red, green, blue;
};
constexpr Color ink = {40, 40, 40}, marked = {60, 255, 90};

/// Image `index` of a dataset.
nn::Image image_of(const nn::Dataset& dataset, int64_t index);
/// A white image of height x width. Throws where an edge is above 16384 pixels; the message ends with `remedy`.
nn::Image blank_sheet(int64_t height, int64_t width, const std::string& remedy);
/// Each pixel becomes a square of zoom x zoom pixels, without interpolation.
nn::Image enlarged(const nn::Image& image, int64_t zoom);
/// Edge at which an image of edge `size` is shown: a multiple of `size` of at least 128, or 256 where `size` is above 256.
int64_t shown_edge(int64_t size);
/// A square image scaled to `edge`: by `enlarged` where `edge` is a multiple of the image's edge, else by nn::resize.
nn::Image with_edge(const nn::Image& image, int64_t edge);

/// Copies `image` onto the sheet at (top, left). Throws where it does not fit.
void paste(nn::Image& sheet, int64_t top, int64_t left, const nn::Image& image);
/// A bright frame of 3 pixels inside the box and a black line of 1 pixel within it, visible on any background.
void outline(nn::Image& image, const tensor::ops::Rect& box);
/// Converts the image to gray and colors each box by its heat, 0 (gray) to 1 (yellow). Overlapping boxes: the mean of their heats.
void lay_heat(nn::Image& image, const std::vector<tensor::ops::Rect>& boxes, const std::vector<double>& heat);
/// Capital letters of 3 x 5 squares of `zoom` pixels. Unknown characters are blank; text is clipped at the sheet's edges.
void write_text(nn::Image& sheet, int64_t top, int64_t left, const std::string& text, int64_t zoom = 2);

}  // namespace mode
