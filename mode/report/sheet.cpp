#include "mode/report/sheet.h"

#include <algorithm>

#include "mode/report/drawing.h"
#include "nn/data/augment.h"
#include "nn/data/image_io.h"
#include "tensor/check.h"
#include "tensor/math.h"

namespace mode {

namespace {

constexpr int64_t gap = 4, least_cell = 96;

/// Pastes the image, enlarged by `zoom`, into cell (row, column).
void show(nn::Image& sheet, int64_t row, int64_t column, int64_t cell, const std::vector<uint8_t>& pixels, int64_t size, int64_t zoom) {
  paste(sheet, row * (cell + gap) + gap, column * (cell + gap) + gap, enlarged({size, size, pixels}, zoom));
}

}  // namespace

int64_t write_sheet(const nn::Dataset& dataset, const SheetOptions& options) {
  const nn::Augment augment = nn::augment_by_name(options.augment);
  const int64_t from_size = dataset.image_size(), size = augment ? options.size : from_size, views = augment ? options.views : 0;
  const int64_t rows = std::min(options.images, dataset.size());
  CHECK(rows >= 1, "write_sheet: the dataset {} has no images; choose another", dataset.spec());
  const int64_t zoom = std::max<int64_t>(1, tensor::ceil_div(least_cell, size)), from_zoom = std::max<int64_t>(1, size * zoom / from_size);
  const int64_t cell = std::max(size * zoom, from_size * from_zoom);
  nn::Image sheet = blank_sheet(rows * (cell + gap) + gap, (1 + views) * (cell + gap) + gap, "choose fewer --images or --views");
  std::vector<uint8_t> source(static_cast<size_t>(from_size * from_size * 3)), pixels(static_cast<size_t>(size * size * 3));
  for (int64_t row = 0; row < rows; ++row) {
    dataset.read(row, source.data());
    show(sheet, row, 0, cell, source, from_size, from_zoom);
    for (int64_t view = 0; view < views; ++view) {
      augment(source.data(), from_size, pixels.data(), size, {options.seed, options.epoch, row, view});
      show(sheet, row, 1 + view, cell, pixels, size, zoom);
    }
  }
  nn::write_png(options.path, sheet);
  return rows;
}

}  // namespace mode
