// The inner loops of conv2d, compiled once per instruction set (tensor/for_each_isa.h).
//
// correlate and dw multiply a tile of `tile_rows` x (Vectors * lanes) results that stays in registers: 6 x 2 vectors leave 4 of AVX2's 16 registers for
// operands, 6 x 4 leave 8 of AVX-512's 32. Each step loads `Vectors` vectors, broadcasts `tile_rows` scalars and issues their products.

#include "tensor/ops/gemm.inl"

constexpr int tile_rows = 6;
constexpr int max_vectors = vector_registers >= 32 ? 4 : 2;
// A tile rereads a piece of a weight panel, or the gathered columns of x; that must stay in the L1 cache.
constexpr int64_t resident_bytes = vector_registers >= 32 ? 32768 : 16384;

template <class T, int Vectors>
using Tile = typename VectorOf<T>::type[tile_rows][Vectors];

/// Writes or adds the tile to rows of `columns` <= Vectors * lanes numbers.
template <class T, int Vectors>
__attribute__((always_inline)) inline void put_tile(const Tile<T, Vectors>& tile, T* const* rows, int64_t row_count, int64_t columns,
                                                    bool add) {
  constexpr int64_t lanes = lanes_of<T>;
  if (columns == Vectors * lanes && row_count == tile_rows) {  // constant bounds, so that the tile need not leave its registers
    if (add) {
#pragma GCC unroll 6
      for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) store(rows[r] + v * lanes, load(rows[r] + v * lanes) + tile[r][v]);
    } else {
#pragma GCC unroll 6
      for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) store(rows[r] + v * lanes, tile[r][v]);
    }
    return;
  }
  T line[Vectors * lanes];
  for (int64_t r = 0; r < row_count; ++r) {
    for (int v = 0; v < Vectors; ++v) store(line + v * lanes, tile[r][v]);
    for (int64_t c = 0; c < columns; ++c) rows[r][c] = add ? rows[r][c] + line[c] : line[c];
  }
}

/// Window rows [kh_begin, kh_end), numbers [k_begin, k_end) of each, of all pixels, against one panel.
template <class T, int Vectors>
void correlate_piece(const CorrelateBlock<T>& block, int64_t first_channel, int64_t kh_begin, int64_t kh_end, int64_t k_begin,
                     int64_t k_end, bool add) {
  constexpr int64_t width = Vectors * lanes_of<T>;
  const int64_t columns = block.channels - first_channel < width ? block.channels - first_channel : width;
  const T* panel = block.panels + first_channel * block.kernel_h * block.depth;
  for (int64_t pixel = 0; pixel < block.pixels; pixel += tile_rows) {
    const int64_t row_count = block.pixels - pixel < tile_rows ? block.pixels - pixel : tile_rows;
    const T* in[tile_rows];
    T* out[tile_rows];
    for (int64_t r = 0; r < tile_rows; ++r) {  // a last tile that is not full computes its last pixel again and drops it
      const int64_t at = pixel + (r < row_count ? r : row_count - 1);
      in[r] = block.inputs[at];
      out[r] = block.outputs[at] + first_channel;
    }
    Tile<T, Vectors> tile = {};
    for (int64_t kh = kh_begin; kh < kh_end; ++kh) {
      const T *a0 = in[0] + kh * block.row_pitch, *a1 = in[1] + kh * block.row_pitch, *a2 = in[2] + kh * block.row_pitch;
      const T *a3 = in[3] + kh * block.row_pitch, *a4 = in[4] + kh * block.row_pitch, *a5 = in[5] + kh * block.row_pitch;
      const T* b = panel + (kh * block.depth + k_begin) * width;
      for (int64_t k = k_begin; k < k_end; ++k, b += width) {
        typename VectorOf<T>::type weights[Vectors];
        for (int v = 0; v < Vectors; ++v) weights[v] = load(b + v * lanes_of<T>);
        for (int v = 0; v < Vectors; ++v) tile[0][v] += a0[k] * weights[v];
        for (int v = 0; v < Vectors; ++v) tile[1][v] += a1[k] * weights[v];
        for (int v = 0; v < Vectors; ++v) tile[2][v] += a2[k] * weights[v];
        for (int v = 0; v < Vectors; ++v) tile[3][v] += a3[k] * weights[v];
        for (int v = 0; v < Vectors; ++v) tile[4][v] += a4[k] * weights[v];
        for (int v = 0; v < Vectors; ++v) tile[5][v] += a5[k] * weights[v];
      }
    }
    put_tile<T, Vectors>(tile, out, row_count, columns, add);
  }
}

template <class T, int Vectors>
void correlate_panel(const CorrelateBlock<T>& block, int64_t first_channel) {
  const int64_t piece = resident_bytes / (Vectors * vector_bytes);  // how many k of the panel stay resident
  if (block.depth <= piece) {
    const int64_t rows = piece / block.depth;
    for (int64_t kh = 0; kh < block.kernel_h; kh += rows)
      correlate_piece<T, Vectors>(block, first_channel, kh, kh + rows < block.kernel_h ? kh + rows : block.kernel_h, 0, block.depth,
                                  kh > 0);
    return;
  }
  for (int64_t kh = 0; kh < block.kernel_h; ++kh)
    for (int64_t k = 0; k < block.depth; k += piece)
      correlate_piece<T, Vectors>(block, first_channel, kh, kh + 1, k, k + piece < block.depth ? k + piece : block.depth, kh + k > 0);
}

template <class T>
void correlate(const CorrelateBlock<T>& block) {
  constexpr int64_t lanes = lanes_of<T>;
  int64_t o = 0;
  for (; o + (max_vectors - 1) * lanes < block.channels; o += max_vectors * lanes) correlate_panel<T, max_vectors>(block, o);
  if constexpr (max_vectors == 4) {
    if (o + 2 * lanes < block.channels) return correlate_panel<T, 3>(block, o);
    if (o + lanes < block.channels) return correlate_panel<T, 2>(block, o);
  }
  if (o < block.channels) correlate_panel<T, 1>(block, o);
}

// dw: a tile owns 6 output channels x a few columns j and walks over the pixels of a block. Its operands are gathered
// first, so that the walk reads memory in order: dy as groups of 6 channels, x as the window columns of the tile with zeros for the
// padding.

template <class T>
constexpr int64_t dw_pixels = resident_bytes / (max_vectors * vector_bytes);

template <class T>
int64_t dw_scratch(int64_t out_channels) {
  const int64_t groups = ceil_div(out_channels, tile_rows);
  return dw_pixels<T> * (groups * tile_rows + max_vectors * lanes_of<T>);
}

struct WindowCorner {
  int64_t image;        // index of the image's first number in x
  int32_t row, column;  // where the window begins, before padding is clipped
};

/// columns[pixel][0 .. width) = the window numbers j .. j + width of each pixel. A window row is consecutive in x but for what padding
/// clips.
template <class T, int Vectors>
void gather_columns(const DwBlock<T>& block, const WindowCorner* corners, int64_t pixels, int64_t first, int64_t last, T* to) {
  constexpr int64_t width = Vectors * lanes_of<T>;
  const int64_t window_row = block.kernel_w * block.channels, image_row = block.width * block.channels;
  for (int64_t j = first; j < first + width;) {
    const int64_t room = first + width - j;
    if (j >= last) {
      for (int64_t pixel = 0; pixel < pixels; ++pixel)
        for (int64_t i = 0; i < room; ++i) to[pixel * width + (j - first) + i] = 0;
      return;
    }
    const int64_t kh = j / window_row, offset = j - kh * window_row;
    const int64_t run = window_row - offset < room ? window_row - offset : room;
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      T* out = to + pixel * width + (j - first);
      const int64_t row = corners[pixel].row + kh, begin = corners[pixel].column * block.channels + offset;
      const T* in = block.x + corners[pixel].image + row * image_row + begin;
      if (row < 0 || row >= block.height) {
        for (int64_t i = 0; i < run; ++i) out[i] = 0;
      } else if (begin < 0 || begin + run > image_row) {
        for (int64_t i = 0; i < run; ++i) out[i] = begin + i >= 0 && begin + i < image_row ? in[i] : T{};
      } else if (run == width) {
        for (int v = 0; v < Vectors; ++v) store(out + v * lanes_of<T>, load(in + v * lanes_of<T>));
      } else {
        for (int64_t i = 0; i < run; ++i) out[i] = in[i];
      }
    }
    j += run;
  }
}

template <class T, int Vectors>
void dw_tiles(const DwBlock<T>& block, const T* groups, const T* columns, int64_t pixels, int64_t j, bool add) {
  constexpr int64_t width = Vectors * lanes_of<T>;
  const int64_t row_length = block.kernel_h * block.kernel_w * block.channels;
  const int64_t column_count = block.last_column - j < width ? block.last_column - j : width;
  for (int64_t o = 0; o < block.out_channels; o += tile_rows) {
    const T *a = groups + o * pixels, *b = columns;
    Tile<T, Vectors> tile = {};
    for (int64_t pixel = 0; pixel < pixels; ++pixel, a += tile_rows, b += width) {
      typename VectorOf<T>::type x[Vectors];
      for (int v = 0; v < Vectors; ++v) x[v] = load(b + v * lanes_of<T>);
      for (int v = 0; v < Vectors; ++v) tile[0][v] += a[0] * x[v];
      for (int v = 0; v < Vectors; ++v) tile[1][v] += a[1] * x[v];
      for (int v = 0; v < Vectors; ++v) tile[2][v] += a[2] * x[v];
      for (int v = 0; v < Vectors; ++v) tile[3][v] += a[3] * x[v];
      for (int v = 0; v < Vectors; ++v) tile[4][v] += a[4] * x[v];
      for (int v = 0; v < Vectors; ++v) tile[5][v] += a[5] * x[v];
    }
    T* rows[tile_rows];
    const int64_t row_count = block.out_channels - o < tile_rows ? block.out_channels - o : tile_rows;
    for (int64_t r = 0; r < row_count; ++r) rows[r] = block.dw + (o + r) * row_length + j;
    put_tile<T, Vectors>(tile, rows, row_count, column_count, add);
  }
}

template <class T, int Vectors>
void dw_columns(const DwBlock<T>& block, const WindowCorner* corners, const T* groups, T* columns, int64_t pixels, int64_t j, bool add) {
  gather_columns<T, Vectors>(block, corners, pixels, j, block.last_column, columns);
  dw_tiles<T, Vectors>(block, groups, columns, pixels, j, add);
}

template <class T>
void dw_block(const DwBlock<T>& block) {
  constexpr int64_t lanes = lanes_of<T>, full = max_vectors * lanes;
  const int64_t group_count = ceil_div(block.out_channels, tile_rows);
  T* groups = block.scratch;
  T* columns = groups + dw_pixels<T> * group_count * tile_rows;
  const int64_t image_size = block.height * block.width * block.channels;
  WindowCorner corners[dw_pixels<T>];
  for (int64_t begin = block.first_pixel; begin < block.last_pixel; begin += dw_pixels<T>) {
    const int64_t pixels = block.last_pixel - begin < dw_pixels<T> ? block.last_pixel - begin : dw_pixels<T>;
    int64_t ow = begin % block.out_width, oh = begin / block.out_width % block.out_height;
    int64_t image = begin / (block.out_width * block.out_height) * image_size;
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      corners[pixel].image = image;
      corners[pixel].row = static_cast<int32_t>(oh * block.stride - block.padding);
      corners[pixel].column = static_cast<int32_t>(ow * block.stride - block.padding);
      if (++ow == block.out_width) {
        ow = 0;
        if (++oh == block.out_height) {
          oh = 0;
          image += image_size;
        }
      }
      const T* dy = block.dy + (begin + pixel) * block.out_channels;
      T* to = groups + pixel * tile_rows;
      const int64_t full_groups = block.out_channels / tile_rows;
      for (int64_t group = 0; group < full_groups; ++group, dy += tile_rows, to += pixels * tile_rows)
        for (int r = 0; r < tile_rows; ++r) to[r] = dy[r];
      if (full_groups < group_count)
        for (int r = 0; r < tile_rows; ++r) to[r] = full_groups * tile_rows + r < block.out_channels ? dy[r] : T{};
    }
    const bool add = begin > block.first_pixel;
    int64_t j = block.first_column;
    for (; j + (max_vectors - 1) * lanes < block.last_column; j += full)
      dw_columns<T, max_vectors>(block, corners, groups, columns, pixels, j, add);
    if (j >= block.last_column) continue;
    if constexpr (max_vectors == 4) {
      if (j + 2 * lanes < block.last_column) {
        dw_columns<T, 3>(block, corners, groups, columns, pixels, j, add);
        continue;
      }
      if (j + lanes < block.last_column) {
        dw_columns<T, 2>(block, corners, groups, columns, pixels, j, add);
        continue;
      }
    }
    dw_columns<T, 1>(block, corners, groups, columns, pixels, j, add);
  }
}

template <class T>
Conv2dKernels<T> conv2d_kernels() {
  constexpr int64_t lanes = lanes_of<T>;
  return {lanes, max_vectors * lanes, max_vectors * lanes, correlate<T>, dw_block<T>, dw_scratch<T>};
}
