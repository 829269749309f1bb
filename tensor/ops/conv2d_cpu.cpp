// maths    the three sums of conv2d.h, each as a sum over windows: the forward pass and dx correlate padded images with packed weights
//          (dx: dy with the kernel turned round; for stride s one such correlation per residue of (row, column) modulo s), dw multiplies
//          dy^T with the window columns of x
// shapes   as in conv2d.h; the kernels see blocks of pixels and panels of weights (conv2d_blocks.h)
// cost     2*N*OH*OW*O*KH*KW*C flop each; scratch: packed weights (|w|, channels rounded up to a vector), per thread a padded copy of a
//          block of about 192 KB; dw: per thread 128 to 512 pixels of dy and of one column tile, and `slices` copies of dw, at most 4 MB
// parallel a block of pixels (forward, dx) or a tile of columns of one slice of pixels (dw) is one thread's; blocks are cut by shape
//          alone, slices are added in index order: no race, the same bits for any number of threads
// numerics sums run in the tensor's own dtype, in pieces of 128 to 1024 products by instruction set and width of the panel
#include "tensor/ops/conv2d.h"

#include <algorithm>
#include <vector>

#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/ops/conv2d_blocks.h"
#include "tensor/parallel.h"

namespace tensor::ops {

Shape conv2d_output_shape(const Shape& x, const Shape& w, Conv2dParams params) {
  CHECK(x.rank() == 4 && w.rank() == 4, "conv2d: expected x (N,H,W,C) and w (O,KH,KW,C), got {} and {}", x.to_string(), w.to_string());
  CHECK(x[3] == w[3], "conv2d: x {} has {} channels, w {} takes {}", x.to_string(), x[3], w.to_string(), w[3]);
  CHECK(params.stride >= 1 && params.padding >= 0, "conv2d: stride {} and padding {}; stride is at least 1, padding at least 0",
        params.stride, params.padding);
  CHECK(w[1] >= 1 && w[2] >= 1, "conv2d: w {} has an empty window", w.to_string());
  const int64_t rows = x[1] + 2 * params.padding - w[1], columns = x[2] + 2 * params.padding - w[2];
  CHECK(rows >= 0 && columns >= 0, "conv2d: the {} x {} kernel is larger than the image {} padded by {}", w[1], w[2], x.to_string(),
        params.padding);
  return {x[0], rows / params.stride + 1, columns / params.stride + 1, w[0]};
}

namespace cpu {
#define KERNEL_FILE "tensor/ops/conv2d_kernel.inl"
#include "tensor/for_each_isa.h"

namespace {

/// Lets fill(k, o, count, to) write the weights of row k and output channels o .. o + count of every panel (see Conv2dKernels).
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
  int64_t top, left;                        // rows and columns of zeros in front; negative: so many are skipped
  int64_t stride, kernel_h, kernel_w;
  int64_t grid_h, grid_w;
  T* result;
  int64_t result_image, result_row, result_pixel, result_channels;  // distances between results, and how many channels one has
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

constexpr int64_t block_bytes = 192 * 1024;     // of padded source: it stays in the L2 cache while the panels pass by
constexpr int64_t block_pixels_at_least = 128;  // small maps: enough work for each panel that has to come from memory

template <class T>
void correlate_all(const Correlation<T>& c, const Conv2dKernels<T>& kernels, const T* panels) {
  const int64_t padded_w = (c.grid_w - 1) * c.stride + c.kernel_w;
  const int64_t row_bytes = padded_w * c.channels * static_cast<int64_t>(sizeof(T));
  const int64_t image_rows = (c.grid_h - 1) * c.stride + c.kernel_h;
  // Without padding the source itself serves, and no copy is made.
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
  std::vector<const T*> inputs(static_cast<size_t>(num_threads() * block_pixels));
  std::vector<T*> outputs(static_cast<size_t>(num_threads() * block_pixels));
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
    kernels.correlate(
        {in, out, pixels, c.kernel_h, c.kernel_w * c.channels, (in_place ? c.width : padded_w) * c.channels, panels, c.result_channels});
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
  correlate_all<T>({x.data<T>(), x.dim(0), x.dim(1), x.dim(2), x.dim(3), params.padding, params.padding, params.stride, w.dim(1), w.dim(2),
                    shape[1], shape[2], y.data<T>(), shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], shape[3]},
                   kernels, panels.data<T>());
  return y;
}

/// The kernel rows (or columns) that reach input rows first, first + s, first + 2 s, ...: kh = tap + s t, from output row i + shift - t.
struct Residue {
  int64_t first, tap, count, shift, grid;
  Residue(int64_t first_, int64_t extent, int64_t kernel, Conv2dParams params) : first(first_) {
    tap = (first + params.padding) % params.stride;
    count = tap < kernel ? ceil_div(kernel - tap, params.stride) : 0;
    shift = (first + params.padding) / params.stride;
    grid = first < extent ? ceil_div(extent - first, params.stride) : 0;
  }
};

template <class T>
Tensor input_gradient(const Tensor& dy, const Tensor& w, const Shape& x_shape, Conv2dParams params) {
  // With a kernel as large as the stride every input has its taps; else some inputs reach no output.
  const bool all_reached = w.dim(1) >= params.stride && w.dim(2) >= params.stride && dy.numel() > 0;
  Tensor dx = all_reached ? Tensor(x_shape, dy.dtype()) : Tensor::zeros(x_shape, dy.dtype());
  if (dx.numel() == 0 || dy.numel() == 0) return dx;
  const Conv2dKernels<T> kernels = SELECT_ISA(conv2d_kernels<T>)();
  const int64_t o_count = w.dim(0), kernel_w = w.dim(2), channels = w.dim(3), s = params.stride;
  const T* w_data = w.data<T>();
  for (int64_t row = 0; row < s; ++row)
    for (int64_t column = 0; column < s; ++column) {
      const Residue v(row, x_shape[1], w.dim(1), params), h(column, x_shape[2], kernel_w, params);
      if (v.count == 0 || h.count == 0 || v.grid == 0 || h.grid == 0) continue;  // no tap reaches these inputs: zeros
      const Tensor panels =
          pack_panels(kernels, channels, v.count * h.count * o_count, [&](int64_t k, int64_t first, int64_t count, T* to) {
            const int64_t o = k % o_count, tap = k / o_count;
            const int64_t kh = v.tap + s * (v.count - 1 - tap / h.count), kw = h.tap + s * (h.count - 1 - tap % h.count);
            std::copy_n(w_data + ((o * w.dim(1) + kh) * kernel_w + kw) * channels + first, count, to);
          });
      const int64_t row_size = x_shape[2] * channels;
      correlate_all<T>(
          {dy.data<T>(), dy.dim(0), dy.dim(1), dy.dim(2), o_count, v.count - 1 - v.shift, h.count - 1 - h.shift, 1, v.count, h.count,
           v.grid, h.grid, dx.data<T>() + row * row_size + column * channels, x_shape[1] * row_size, s * row_size, s * channels, channels},
          kernels, panels.data<T>());
    }
  return dx;
}

template <class T>
Tensor weight_gradient_of(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  const int64_t o_count = w_shape[0], columns = w_shape[1] * w_shape[2] * w_shape[3], pixels = dy.dim(0) * dy.dim(1) * dy.dim(2);
  if (pixels == 0 || o_count * columns == 0) return Tensor::zeros(w_shape, x.dtype());
  const Conv2dKernels<T> kernels = SELECT_ISA(conv2d_kernels<T>)();

  // Small gradients are summed over slices of the pixels, large ones cut into ranges of columns: about 16 pieces of work either way.
  const int64_t gradient_bytes = o_count * columns * static_cast<int64_t>(sizeof(T));
  const int64_t slices = std::clamp<int64_t>((4 << 20) / gradient_bytes, 1, std::min<int64_t>(16, (pixels + 511) / 512));
  const int64_t slice_pixels = ceil_div(pixels, slices);
  const int64_t tiles = ceil_div(columns, kernels.column_tile);
  const int64_t ranges = std::clamp<int64_t>(16 / slices, 1, tiles);
  const int64_t range_columns = ceil_div(tiles, ranges) * kernels.column_tile;

  Tensor partial({slices, o_count, columns}, x.dtype());
  const int64_t scratch_size = kernels.gradient_scratch(o_count);
  Tensor scratch({num_threads(), scratch_size}, x.dtype());
  T *partial_data = partial.data<T>(), *scratch_data = scratch.data<T>();
  const T *x_data = x.data<T>(), *dy_data = dy.data<T>();
  parallel_each(slices * ranges, slice_pixels * o_count * range_columns, [&](int64_t index) {
    const int64_t slice = index / ranges, first_column = index % ranges * range_columns;
    const int64_t last_column = std::min(columns, first_column + range_columns);
    if (first_column >= last_column) return;
    kernels.weight_gradient({x_data, x.dim(1), x.dim(2), x.dim(3), dy_data, dy.dim(1), dy.dim(2), o_count, w_shape[1], w_shape[2],
                             params.stride, params.padding, std::min(pixels, slice * slice_pixels),
                             std::min(pixels, (slice + 1) * slice_pixels), first_column, last_column,
                             partial_data + slice * o_count * columns, scratch_data + thread_index() * scratch_size});
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

Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dParams params) {
  return dispatch_floating(x.dtype(), [&](auto zero) { return forward<decltype(zero)>(x, w, params); });
}
Tensor conv2d_dx(const Tensor& dy, const Tensor& w, const Shape& x_shape, Conv2dParams params) {
  return dispatch_floating(dy.dtype(), [&](auto zero) { return input_gradient<decltype(zero)>(dy, w, x_shape, params); });
}
Tensor conv2d_dw(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  return dispatch_floating(x.dtype(), [&](auto zero) { return weight_gradient_of<decltype(zero)>(x, dy, w_shape, params); });
}

}  // namespace
}  // namespace cpu

namespace {

/// The types of the header's table, and both operands in one place. `a` is the activation.
void check_operands(const char* op, const char* a_name, const Tensor& a, const char* b_name, const Tensor& b, bool packs_weights) {
  const bool is_packed = packs_weights && a.dtype() == Dtype::bf16 && b.dtype() == Dtype::f32;
  if (is_packed)
    check_same_device(op, {a_name, a}, {b_name, b});
  else
    check_same_kind(op, {a_name, a}, {b_name, b});
  CHECK(a.dtype() != Dtype::bf16 || !a.device().is_cpu(), "{}: bf16 is convolved on CUDA alone; cast to f32 for the cpu", op);
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dParams params) {
  check_operands("conv2d", "x", x, "w", w, true);
  conv2d_output_shape(x.shape(), w.shape(), params);
  DISPATCH_DEVICE(x, conv2d, x, w, params);
}

Tensor conv2d_dx(const Tensor& dy, const Tensor& w, const Shape& x_shape, Conv2dParams params) {
  check_operands("conv2d_dx", "dy", dy, "w", w, true);
  check_shape("conv2d_dx", {"dy", dy}, conv2d_output_shape(x_shape, w.shape(), params));
  DISPATCH_DEVICE(dy, conv2d_dx, dy, w, x_shape, params);
}

Tensor conv2d_dw(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  check_operands("conv2d_dw", "x", x, "dy", dy, false);
  check_shape("conv2d_dw", {"dy", dy}, conv2d_output_shape(x.shape(), w_shape, params));
  DISPATCH_DEVICE(x, conv2d_dw, x, dy, w_shape, params);
}

}  // namespace tensor::ops
