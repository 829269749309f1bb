#include "tools/commands/sheet.h"

#include <algorithm>
#include <cstring>

#include "nn/data/augment.h"
#include "nn/data/encode.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

constexpr int64_t gap = 4, least_cell = 96, most_edge = 16384;

/// A square of white, with room for `rows` x `columns` cells of `cell` pixels.
nn::Picture blank(int64_t rows, int64_t columns, int64_t cell) {
  nn::Picture sheet{rows * (cell + gap) + gap, columns * (cell + gap) + gap, {}};
  CHECK(sheet.height <= most_edge && sheet.width <= most_edge,
        "--sheet: {} x {} pixels; at most {} an edge: ask for fewer --pictures or --views", sheet.width, sheet.height, most_edge);
  sheet.pixels.assign(static_cast<size_t>(sheet.height * sheet.width * 3), 255);
  return sheet;
}

/// Each pixel as a square of `zoom` pixels: what is there is shown, and nothing in between.
void paste(nn::Picture& sheet, int64_t row, int64_t column, int64_t cell, const uint8_t* pixels, int64_t size, int64_t zoom) {
  for (int64_t y = 0; y < size * zoom; ++y)
    for (int64_t x = 0; x < size * zoom; ++x)
      std::memcpy(sheet.pixels.data() + ((row * (cell + gap) + gap + y) * sheet.width + column * (cell + gap) + gap + x) * 3,
                  pixels + (y / zoom * size + x / zoom) * 3, 3);
}

}  // namespace

void write_sheet(const nn::Dataset& dataset, const SheetOptions& options) {
  const nn::Augment augment = nn::augment_by_name(options.augment);
  const int64_t from_size = dataset.picture_size(), size = augment ? options.size : from_size, views = augment ? options.views : 0;
  const int64_t rows = std::min(options.pictures, dataset.size());
  CHECK(rows >= 1, "--sheet: {} has no pictures", dataset.spec());
  const int64_t zoom = std::max<int64_t>(1, (least_cell + size - 1) / size), from_zoom = std::max<int64_t>(1, size * zoom / from_size);
  const int64_t cell = std::max(size * zoom, from_size * from_zoom);
  nn::Picture sheet = blank(rows, 1 + views, cell);
  std::vector<uint8_t> source(static_cast<size_t>(from_size * from_size * 3)), pixels(static_cast<size_t>(size * size * 3));
  for (int64_t row = 0; row < rows; ++row) {
    dataset.read(row, source.data());
    paste(sheet, row, 0, cell, source.data(), from_size, from_zoom);
    for (int64_t view = 0; view < views; ++view) {
      augment(source.data(), from_size, pixels.data(), size, {options.seed, options.epoch, row, view});
      paste(sheet, row, 1 + view, cell, pixels.data(), size, zoom);
    }
  }
  nn::write_png(options.path, sheet);
  fmt::print("sheet      {}: {} pictures, each as the set has it and in {} views of {}\n", options.path, rows, views, options.augment);
}

}  // namespace mode::tools
