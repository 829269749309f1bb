#include "mode/report/drawing.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "tensor/check.h"
#include "tensor/math.h"

namespace mode {

namespace {

constexpr int64_t max_edge = 16384, min_shown = 128, max_shown = 256;

uint8_t* pixel_of(nn::Image& image, int64_t y, int64_t x) { return image.pixels.data() + (y * image.width + x) * 3; }

void set_pixel(nn::Image& image, int64_t y, int64_t x, const Color& color) {
  uint8_t* pixel = pixel_of(image, y, x);
  pixel[0] = color.red;
  pixel[1] = color.green;
  pixel[2] = color.blue;
}

/// Blue at 0, purple, red, yellow at 1; RGB in 0 .. 255.
std::array<double, 3> heat_color(double heat) {
  constexpr std::array<std::array<double, 3>, 4> stops = {{{40, 60, 200}, {170, 40, 160}, {240, 70, 40}, {255, 230, 50}}};
  const double place = std::clamp(heat, 0.0, 1.0) * (stops.size() - 1);
  const size_t below = std::min<size_t>(static_cast<size_t>(place), stops.size() - 2);
  const double part = place - static_cast<double>(below);
  std::array<double, 3> color{};
  for (size_t channel = 0; channel < 3; ++channel) color[channel] = stops[below][channel] * (1 - part) + stops[below + 1][channel] * part;
  return color;
}

/// A 3 x 5 bitmap in 15 bits: one octal digit per row from the top, the left square in its highest bit. 0 for unknown characters.
uint16_t glyph_of(char c) {
  constexpr std::array<uint16_t, 10> digits = {075557, 026227, 071747, 071717, 055711, 074717, 074757, 071122, 075757, 075717};
  constexpr std::array<uint16_t, 26> letters = {025755, 065656, 034443, 065556, 074647, 074644, 034553, 055755, 072227,
                                                011152, 055655, 044447, 057755, 065555, 025552, 065644, 025573, 065655,
                                                034216, 072222, 055557, 055552, 055775, 055255, 055222, 071247};
  if (c >= '0' && c <= '9') return digits[c - '0'];
  if (c >= 'a' && c <= 'z') return letters[c - 'a'];
  if (c >= 'A' && c <= 'Z') return letters[c - 'A'];
  switch (c) {
    case '.':
      return 000002;
    case '-':
      return 000700;
    case '_':
      return 000007;
    case '>':
      return 042124;
    case '=':
      return 007070;
    default:
      return 0;
  }
}

}  // namespace

nn::Image image_of(const nn::Dataset& dataset, int64_t index) {
  const int64_t size = dataset.image_size();
  nn::Image image{size, size, std::vector<uint8_t>(size * size * 3)};
  dataset.read(index, image.pixels.data());
  return image;
}

nn::Image blank_sheet(int64_t height, int64_t width, const std::string& remedy) {
  CHECK(height <= max_edge && width <= max_edge, "the PNG would have {} x {} pixels; the maximum edge is {}: {}", width, height, max_edge,
        remedy);
  return {height, width, std::vector<uint8_t>(static_cast<size_t>(height * width * 3), 255)};
}

nn::Image enlarged(const nn::Image& image, int64_t zoom) {
  nn::Image large{image.height * zoom, image.width * zoom, {}};
  large.pixels.resize(static_cast<size_t>(large.height * large.width * 3));
  for (int64_t y = 0; y < large.height; ++y)
    for (int64_t x = 0; x < large.width; ++x)
      std::memcpy(pixel_of(large, y, x), image.pixels.data() + (y / zoom * image.width + x / zoom) * 3, 3);
  return large;
}

int64_t shown_edge(int64_t size) { return size > max_shown ? max_shown : tensor::round_up(min_shown, size); }

nn::Image with_edge(const nn::Image& image, int64_t edge) {
  return edge % image.width == 0 ? enlarged(image, edge / image.width) : nn::resize(image, edge, edge);
}

void paste(nn::Image& sheet, int64_t top, int64_t left, const nn::Image& image) {
  CHECK(top >= 0 && left >= 0 && top + image.height <= sheet.height && left + image.width <= sheet.width,
        "paste: an image of {} x {} at ({}, {}) exceeds the sheet of {} x {}; make the sheet larger", image.width, image.height, left, top,
        sheet.width, sheet.height);
  for (int64_t y = 0; y < image.height; ++y)
    std::memcpy(pixel_of(sheet, top + y, left), image.pixels.data() + y * image.width * 3, static_cast<size_t>(image.width * 3));
}

void outline(nn::Image& image, const tensor::ops::Rect& box) {
  constexpr int64_t bright = 3;
  for (int64_t y = std::max<int64_t>(box.top, 0); y < std::min(box.bottom, image.height); ++y)
    for (int64_t x = std::max<int64_t>(box.left, 0); x < std::min(box.right, image.width); ++x) {
      const int64_t depth = std::min({y - box.top, box.bottom - 1 - y, x - box.left, box.right - 1 - x});
      if (depth <= bright) set_pixel(image, y, x, depth < bright ? marked : Color{0, 0, 0});
    }
}

void lay_heat(nn::Image& image, const std::vector<tensor::ops::Rect>& boxes, const std::vector<double>& heat) {
  CHECK(boxes.size() == heat.size(), "lay_heat: {} heats for {} boxes; pass one heat per box", heat.size(), boxes.size());
  const auto count = static_cast<size_t>(image.height * image.width);
  std::vector<double> sum(count, 0), covered(count, 0);
  for (size_t no = 0; no < boxes.size(); ++no)
    for (int64_t y = boxes[no].top; y < boxes[no].bottom; ++y)
      for (int64_t x = boxes[no].left; x < boxes[no].right; ++x) {
        const auto at = static_cast<size_t>(y * image.width + x);
        sum[at] += heat[no];
        covered[at] += 1;
      }
  for (size_t at = 0; at < count; ++at) {
    uint8_t* pixel = image.pixels.data() + 3 * at;
    const double gray = 0.75 * (0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]);
    const double here = covered[at] > 0 ? std::clamp(sum[at] / covered[at], 0.0, 1.0) : 0, opacity = std::min(0.75, 1.5 * here);
    const std::array<double, 3> color = heat_color(here);
    for (size_t channel = 0; channel < 3; ++channel) pixel[channel] = static_cast<uint8_t>(gray + (color[channel] - gray) * opacity + 0.5);
  }
}

void write_text(nn::Image& sheet, int64_t top, int64_t left, const std::string& text, int64_t zoom) {
  for (size_t no = 0; no < text.size(); ++no) {
    const uint16_t glyph = glyph_of(text[no]);
    for (int64_t y = 0; y < 5 * zoom; ++y)
      for (int64_t x = 0; x < 3 * zoom; ++x) {
        const int64_t bit = 14 - (y / zoom * 3 + x / zoom), row = top + y, column = left + static_cast<int64_t>(no) * 4 * zoom + x;
        if ((glyph >> bit & 1) != 0 && row < sheet.height && column < sheet.width) set_pixel(sheet, row, column, ink);
      }
  }
}

}  // namespace mode
