// maths    conv2d.h's sums as window sums. Forward and dx correlate padded images with packed weights: dx takes dy and the flipped kernel,
//          one correlation per residue class of (row, column) modulo the stride. dw multiplies dy^T by the window columns of x
// cost     scratch: packed weights (|w|, channels rounded up to a vector); per thread a padded copy of a block, about 192 KB; for dw per
//          thread 128 to 512 pixels of dy and of one column tile, and `slices` copies of dw, at most 4 MB
// parallel forward and dx: a thread owns a block of output pixels. dw: a thread owns a tile of columns of one slice of the pixels, and the
//          slices are added in index order. The shapes alone decide the blocks: no race, the same bits for any number of threads
// numerics sums in the tensor's dtype, in pieces of 128 to 1024 products (by instruction set and panel width)
#include "tensor/ops/conv2d.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/parallel.h"

namespace tensor::ops::cpu {

/// result[pixel, o] = sum over window rows kh and k < depth of input[pixel][kh * row_pitch + k] * panel[kh, k, o].
/// One row of a channels-last window is KW * C consecutive numbers, so a window is `kernel_h` runs of `depth`.
template <class T>
struct CorrelateBlock {
  const T* const* inputs;  // per pixel: the first number of its window
  T* const* outputs;       // per pixel: its `channels` results
  int64_t pixels;
  int64_t kernel_h, depth, row_pitch;
  const T* panels;  // packed weights, see Conv2dKernels
  int64_t channels;
};

/// dw[o, j] = sum over pixels of dy[pixel, o] * x[the number under tap and channel j], j = (kh, kw, c), over a range of pixels and of
/// columns j.
template <class T>
struct DwBlock {
  const T* x;
  int64_t height, width, channels;
  const T* dy;
  int64_t out_height, out_width, out_channels;
  int64_t kernel_h, kernel_w, stride, padding;
  int64_t first_pixel, last_pixel;    // of N * OH * OW
  int64_t first_column, last_column;  // of KH * KW * C
  T* dw;                              // (O, KH * KW * C); these columns are overwritten
  T* scratch;                         // Conv2dKernels::dw_scratch(O) numbers
};

/// The kernels of one instruction set. Weights are packed in panels of `panel_channels` output channels. The last panel is narrower: a
/// multiple of `lanes`, filled up with zeros. The panel of channels o, o + 1, ... begins at panels + o * K, as K rows of its width, K =
/// kernel_h * depth.
template <class T>
struct Conv2dKernels {
  int64_t lanes, panel_channels;
  int64_t column_tile;  // width of a tile of dw; column ranges should begin at its multiples
  void (*correlate)(const CorrelateBlock<T>&);
  void (*dw)(const DwBlock<T>&);
  int64_t (*dw_scratch)(int64_t out_channels);
};

#define KERNEL_FILE "tensor/ops/conv2d_kernel.inl"
#include "tensor/for_each_isa.h"

namespace {

/// Packs weights in panels (see Conv2dKernels): fill(k, o, count, to) writes row k of output channels o .. o + count.
template <class T, class Fill>
Tensor pack_panels(const Conv2dKernels<T>& kernels, int64_t channels, int64_t k_count, const Fill& fill) {
  const int64_t rounded = round_up(channels, kernels.lanes);
  Tensor panels({std::max<int64_t>(1, rounded * k_count)}, dtype_of<T>());
  T* data = panels.data<T>();
  const int64_t panel_count = ceil_div(channels, kernels.panel_channels);
  parallel_each(panel_count, 8 * kernels.panel_channels * k_count, [&](int64_t panel) {
    const int64_t begin = panel * kernels.panel_channels, end = std::min(channels, begin + kernels.panel_channels);
    const int64_t width = std::min(kernels.panel_channels, rounded - begin);
    T* row = data + begin * k_count;
    for (int64_t k = 0; k < k_count; ++k, row += width) {
      fill(k, begin, end - begin, row);
      std::fill(row + (end - begin), row + width, T{});
    }
  });
  return panels;
}

/// A correlation of padded images: result[n, i, j, :] from the window that begins at padded row i * stride, column j * stride.
template <class T>
struct Correlation {
  const T* source;
  int64_t images, height, width, channels;  // of the source
  int64_t top, left;                        // rows and columns of zeros in front; negative: rows and columns that are skipped
  int64_t stride, kernel_h, kernel_w;
  int64_t grid_h, grid_w;
  T* result;
  int64_t result_image, result_row, result_pixel, result_channels;  // strides between results; channels of each
};

/// Rows [first, first + rows) of the padded image, `columns` wide.
template <class T>
void copy_padded(const Correlation<T>& c, const T* image, int64_t first, int64_t rows, int64_t columns, T* to) {
  const int64_t begin = std::clamp<int64_t>(c.left, 0, columns), end = std::clamp<int64_t>(c.left + c.width, begin, columns);
  for (int64_t row = 0; row < rows; ++row, to += columns * c.channels) {
    const int64_t from = first + row - c.top;
    if (from < 0 || from >= c.height) {
      std::fill_n(to, columns * c.channels, T{});
      continue;
    }
    std::fill_n(to, begin * c.channels, T{});
    std::copy_n(image + (from * c.width + begin - c.left) * c.channels, (end - begin) * c.channels, to + begin * c.channels);
    std::fill_n(to + end * c.channels, (columns - end) * c.channels, T{});
  }
}

constexpr int64_t block_bytes = 192 * 1024;     // of padded source: it stays in the L2 cache while all panels are multiplied
constexpr int64_t block_pixels_at_least = 128;  // small feature maps: enough work per panel, which comes from memory

template <class T>
void correlate_all(const Correlation<T>& c, const Conv2dKernels<T>& kernels, const T* panels) {
  const int64_t padded_w = (c.grid_w - 1) * c.stride + c.kernel_w;
  const int64_t row_bytes = padded_w * c.channels * static_cast<int64_t>(sizeof(T));
  const int64_t image_rows = (c.grid_h - 1) * c.stride + c.kernel_h;
  // Without padding the source is read in place.
  const bool in_place = c.top == 0 && c.left == 0 && image_rows <= c.height && padded_w <= c.width;

  // A block is some rows of one image, or several whole images.
  int64_t rows = c.grid_h, images = 1;
  if (image_rows * row_bytes > block_bytes) {
    rows = std::max<int64_t>(1, (block_bytes / row_bytes - c.kernel_h) / c.stride + 1);
    const int64_t parts = ceil_div(c.grid_h, rows);
    rows = ceil_div(c.grid_h, parts);
  } else {
    const int64_t enough = ceil_div(block_pixels_at_least, c.grid_h * c.grid_w);
    images = std::clamp<int64_t>(std::max(enough, block_bytes / (image_rows * row_bytes)), 1, std::max<int64_t>(1, c.images / 8));
  }
  const int64_t row_blocks = ceil_div(c.grid_h, rows), image_blocks = ceil_div(c.images, images);
  const int64_t padded_rows = (rows - 1) * c.stride + c.kernel_h, block_pixels = images * rows * c.grid_w;
  const int64_t copy_size = in_place ? 0 : images * padded_rows * padded_w * c.channels;

  Tensor copies({num_threads(), copy_size}, dtype_of<T>());
  std::vector<const T*> inputs(num_threads() * block_pixels);
  std::vector<T*> outputs(num_threads() * block_pixels);
  T* copies_data = copies.data<T>();

  const int64_t block_work = block_pixels * c.kernel_h * c.kernel_w * c.channels * c.result_channels;
  parallel_each(image_blocks * row_blocks, block_work, [&](int64_t index) {
    const int64_t first_image = index / row_blocks * images, first_row = index % row_blocks * rows;
    const int64_t image_count = std::min(images, c.images - first_image), row_count = std::min(rows, c.grid_h - first_row);
    T* copy = copies_data + thread_index() * copy_size;
    const T** in = inputs.data() + thread_index() * block_pixels;
    T** out = outputs.data() + thread_index() * block_pixels;
    int64_t pixels = 0;
    for (int64_t p = 0; p < image_count; ++p) {
      const T* image = c.source + (first_image + p) * c.height * c.width * c.channels;
      const T* base = image + first_row * c.stride * c.width * c.channels;
      if (!in_place) {
        base = copy + p * padded_rows * padded_w * c.channels;
        copy_padded(c, image, first_row * c.stride, (row_count - 1) * c.stride + c.kernel_h, padded_w,
                    copy + p * padded_rows * padded_w * c.channels);
      }
      const int64_t pitch = (in_place ? c.width : padded_w) * c.channels;
      for (int64_t i = 0; i < row_count; ++i)
        for (int64_t j = 0; j < c.grid_w; ++j, ++pixels) {
          in[pixels] = base + i * c.stride * pitch + j * c.stride * c.channels;
          out[pixels] = c.result + (first_image + p) * c.result_image + (first_row + i) * c.result_row + j * c.result_pixel;
        }
    }
    kernels.correlate({.inputs = in,
                       .outputs = out,
                       .pixels = pixels,
                       .kernel_h = c.kernel_h,
                       .depth = c.kernel_w * c.channels,
                       .row_pitch = (in_place ? c.width : padded_w) * c.channels,
                       .panels = panels,
                       .channels = c.result_channels});
  });
}

template <class T>
Tensor forward(const Tensor& x, const Tensor& w, Conv2dParams params) {
  const Shape shape = conv2d_output_shape(x.shape(), w.shape(), params);
  Tensor y(shape, x.dtype());
  if (y.numel() == 0) return y;
  if (x.dim(3) == 0) return Tensor::zeros(shape, x.dtype());
  const Conv2dKernels<T> kernels = SELECT_ISA(conv2d_kernels<T>)();
  const int64_t k_count = w.dim(1) * w.dim(2) * w.dim(3);
  const T* w_data = w.data<T>();
  const Tensor panels = pack_panels(kernels, w.dim(0), k_count, [&](int64_t k, int64_t first, int64_t count, T* to) {
    for (int64_t o = 0; o < count; ++o) to[o] = w_data[(first + o) * k_count + k];
  });
  const Correlation<T> correlation = {.source = x.data<T>(),
                                      .images = x.dim(0),
                                      .height = x.dim(1),
                                      .width = x.dim(2),
                                      .channels = x.dim(3),
                                      .top = params.padding,
                                      .left = params.padding,
                                      .stride = params.stride,
                                      .kernel_h = w.dim(1),
                                      .kernel_w = w.dim(2),
                                      .grid_h = shape[1],
                                      .grid_w = shape[2],
                                      .result = y.data<T>(),
                                      .result_image = shape[1] * shape[2] * shape[3],
                                      .result_row = shape[2] * shape[3],
                                      .result_pixel = shape[3],
                                      .result_channels = shape[3]};
  correlate_all(correlation, kernels, panels.data<T>());
  return y;
}

template <class T>
Tensor dx_of(const Tensor& w, const Tensor& dy, const Shape& x_shape, Conv2dParams params) {
  // A kernel smaller than the stride leaves some inputs without any tap.
  const bool all_reached = w.dim(1) >= params.stride && w.dim(2) >= params.stride && dy.numel() > 0;
  Tensor dx = all_reached ? Tensor(x_shape, dy.dtype()) : Tensor::zeros(x_shape, dy.dtype());
  if (dx.numel() == 0 || dy.numel() == 0) return dx;
  const Conv2dKernels<T> kernels = SELECT_ISA(conv2d_kernels<T>)();
  const int64_t o_count = w.dim(0), kernel_w = w.dim(2), channels = w.dim(3), s = params.stride;
  const T* w_data = w.data<T>();
  for (int64_t row = 0; row < s; ++row)
    for (int64_t column = 0; column < s; ++column) {
      const Conv2dResidue v(row, x_shape[1], w.dim(1), params), h(column, x_shape[2], kernel_w, params);
      if (v.taps == 0 || h.taps == 0 || v.positions == 0 || h.positions == 0) continue;  // dx is zero here
      const Tensor panels = pack_panels(kernels, channels, v.taps * h.taps * o_count, [&](int64_t k, int64_t first, int64_t count, T* to) {
        const int64_t o = k % o_count, tap = k / o_count;
        const int64_t kh = v.tap + s * (v.taps - 1 - tap / h.taps), kw = h.tap + s * (h.taps - 1 - tap % h.taps);
        std::copy_n(w_data + ((o * w.dim(1) + kh) * kernel_w + kw) * channels + first, count, to);
      });
      const int64_t row_size = x_shape[2] * channels;
      const Correlation<T> correlation = {.source = dy.data<T>(),
                                          .images = dy.dim(0),
                                          .height = dy.dim(1),
                                          .width = dy.dim(2),
                                          .channels = o_count,
                                          .top = v.taps - 1 - v.shift,
                                          .left = h.taps - 1 - h.shift,
                                          .stride = 1,
                                          .kernel_h = v.taps,
                                          .kernel_w = h.taps,
                                          .grid_h = v.positions,
                                          .grid_w = h.positions,
                                          .result = dx.data<T>() + row * row_size + column * channels,
                                          .result_image = x_shape[1] * row_size,
                                          .result_row = s * row_size,
                                          .result_pixel = s * channels,
                                          .result_channels = channels};
      correlate_all(correlation, kernels, panels.data<T>());
    }
  return dx;
}

template <class T>
Tensor dw_of(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  const int64_t o_count = w_shape[0], columns = w_shape[1] * w_shape[2] * w_shape[3], pixels = dy.dim(0) * dy.dim(1) * dy.dim(2);
  if (pixels == 0 || o_count * columns == 0) return Tensor::zeros(w_shape, x.dtype());
  const Conv2dKernels<T> kernels = SELECT_ISA(conv2d_kernels<T>)();

  // A small dw is summed over slices of the pixels, a large one is cut into ranges of columns: about 16 work items either way.
  const int64_t dw_bytes = o_count * columns * static_cast<int64_t>(sizeof(T));
  const int64_t slices = std::clamp<int64_t>((4 << 20) / dw_bytes, 1, std::min<int64_t>(16, (pixels + 511) / 512));
  const int64_t slice_pixels = ceil_div(pixels, slices);
  const int64_t tiles = ceil_div(columns, kernels.column_tile);
  const int64_t ranges = std::clamp<int64_t>(16 / slices, 1, tiles);
  const int64_t range_columns = ceil_div(tiles, ranges) * kernels.column_tile;

  Tensor partial({slices, o_count, columns}, x.dtype());
  const int64_t scratch_size = kernels.dw_scratch(o_count);
  Tensor scratch({num_threads(), scratch_size}, x.dtype());
  T *partial_data = partial.data<T>(), *scratch_data = scratch.data<T>();
  const T *x_data = x.data<T>(), *dy_data = dy.data<T>();
  parallel_each(slices * ranges, slice_pixels * o_count * range_columns, [&](int64_t index) {
    const int64_t slice = index / ranges, first_column = index % ranges * range_columns;
    const int64_t last_column = std::min(columns, first_column + range_columns);
    if (first_column >= last_column) return;
    kernels.dw({.x = x_data,
                .height = x.dim(1),
                .width = x.dim(2),
                .channels = x.dim(3),
                .dy = dy_data,
                .out_height = dy.dim(1),
                .out_width = dy.dim(2),
                .out_channels = o_count,
                .kernel_h = w_shape[1],
                .kernel_w = w_shape[2],
                .stride = params.stride,
                .padding = params.padding,
                .first_pixel = std::min(pixels, slice * slice_pixels),
                .last_pixel = std::min(pixels, (slice + 1) * slice_pixels),
                .first_column = first_column,
                .last_column = last_column,
                .dw = partial_data + slice * o_count * columns,
                .scratch = scratch_data + thread_index() * scratch_size});
  });
  if (slices == 1) return partial.reshape(w_shape);
  Tensor dw(w_shape, x.dtype());
  T* dw_data = dw.data<T>();
  parallel_for(o_count * columns, elementwise_grain, [&](int64_t begin, int64_t end) {
    std::copy(partial_data + begin, partial_data + end, dw_data + begin);
    for (int64_t slice = 1; slice < slices; ++slice) {
      const T* from = partial_data + slice * o_count * columns;
      for (int64_t i = begin; i < end; ++i) dw_data[i] += from[i];
    }
  });
  return dw;
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dParams params) {
  return dispatch_floating(x.dtype(), [&](auto zero) { return forward<decltype(zero)>(x, w, params); });
}
Tensor conv2d_dx(const Tensor& w, const Tensor& dy, const Shape& x_shape, Conv2dParams params) {
  return dispatch_floating(dy.dtype(), [&](auto zero) { return dx_of<decltype(zero)>(w, dy, x_shape, params); });
}
Tensor conv2d_dw(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  return dispatch_floating(x.dtype(), [&](auto zero) { return dw_of<decltype(zero)>(x, dy, w_shape, params); });
}

}  // namespace tensor::ops::cpu
