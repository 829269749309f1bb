#pragma once
// The operands and results of a convolution's three passes, for the main loops of tensor/cuda/ (operand.h). Addresses are computed as a
// tile is copied; nothing is unrolled into columns in memory. The index forms are derived in tensor/README.md.

#include "tensor/cuda/fast_divmod.h"
#include "tensor/cuda/operand.h"
#include "tensor/ops/conv2d.h"

namespace tensor::ops::cuda {

using tensor::cuda::Along;
using tensor::cuda::FastDivmod;

template <class T>
constexpr int channels_at_once = std::is_same_v<T, bfloat16> ? 8 : 1;

/// A row or column that no image has, and that stays outside when a window's offset is added.
constexpr int outside = -(1 << 29);

/// (pixel, tap) -> source[n, top + i * step + direction * t, left + j * step + direction * u, c], zero outside the image; pixel = (n, i,
/// j) of the grid, tap = (t, u, c) of the window. Along::depth: pixels are rows (forward, dx). Along::row: taps are rows (dw).
template <class T, Along along_>
struct Windows {
  struct Pixel {
    int64_t image;  // its first element
    int row, column;
  };
  struct Tap {
    int row, column, channel;
  };
  using Element = T;
  using Row = std::conditional_t<along_ == Along::depth, Pixel, Tap>;
  using Depth = std::conditional_t<along_ == Along::depth, Tap, Pixel>;
  static constexpr Along along = along_;  // channels run along memory, and they belong to the taps
  static constexpr int unit = channels_at_once<T>;

  const T* data;
  int height, width, channels;
  int pixels, taps;
  FastDivmod grid_height, grid_width, window_width, by_channels;
  int step, direction, top, left;

  __device__ Pixel pixel(int at) const {
    if (at >= pixels) return {0, outside, outside};
    const int line = grid_width.quotient(at), image = grid_height.quotient(line);
    return {static_cast<int64_t>(image) * height * width * channels, top + grid_height.remainder(line, image) * step,
            left + grid_width.remainder(at, line) * step};
  }
  __device__ Tap tap(int at) const {
    if (at >= taps) return {outside, outside, 0};
    const int place = by_channels.quotient(at), t = window_width.quotient(place);
    return {direction * t, direction * window_width.remainder(place, t), by_channels.remainder(at, place)};
  }
  __device__ Row row(int at) const {
    if constexpr (along == Along::depth)
      return pixel(at);
    else
      return tap(at);
  }
  __device__ Depth depth(int at) const {
    if constexpr (along == Along::depth)
      return tap(at);
    else
      return pixel(at);
  }
  __device__ const T* at(const Pixel& p, const Tap& t) const {
    const int r = p.row + t.row, c = p.column + t.column;
    if (r < 0 || r >= height || c < 0 || c >= width) return nullptr;
    return data + p.image + (static_cast<int64_t>(r) * width + c) * channels + t.channel;
  }
  __device__ const T* at(const Tap& t, const Pixel& p) const { return at(p, t); }
};

/// (c, tap) -> w[o, first_row + stride * t, first_column + stride * u, c], tap = (t, u, o): the weights as dx sees them.
template <class T>
struct WeightsByChannel {
  using Element = T;
  using Row = int;
  using Depth = int64_t;
  static constexpr Along along = Along::row;
  static constexpr int unit = channels_at_once<T>;

  const T* data;
  int kernel_height, kernel_width, channels;
  int taps;
  FastDivmod window_width, by_outputs;
  int stride, first_row, first_column;

  __device__ Row row(int at) const { return at; }
  __device__ Depth depth(int at) const {
    if (at >= taps) return -1;
    const int place = by_outputs.quotient(at), o = by_outputs.remainder(at, place), t = window_width.quotient(place);
    const int kh = first_row + stride * t, kw = first_column + stride * window_width.remainder(place, t);
    return ((static_cast<int64_t>(o) * kernel_height + kh) * kernel_width + kw) * channels;
  }
  __device__ const T* at(Row c, Depth tap) const { return c < channels && tap >= 0 ? data + tap + c : nullptr; }
};

/// Pixel (n, i, j) of a grid -> dx[n, first_row + stride * i, first_column + stride * j, :].
template <class T>
struct PixelsOut {
  T* data;
  int columns;  // channels
  int height, width, pixels;
  FastDivmod grid_height, grid_width;
  int stride, first_row, first_column;

  __device__ T* row(int, int at) const {
    if (at >= pixels) return nullptr;
    const int line = grid_width.quotient(at), image = grid_height.quotient(line);
    const int r = first_row + stride * grid_height.remainder(line, image), c = first_column + stride * grid_width.remainder(at, line);
    return data + ((static_cast<int64_t>(image) * height + r) * width + c) * columns;
  }
};

}  // namespace tensor::ops::cuda
