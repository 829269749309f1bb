#pragma once
// The operands and results of convolution as implicit GEMM (tensor/cuda/operand.h). Addresses are computed when a tile is copied; memory
// never holds an unrolled matrix of windows. tensor/ops/README.md derives the index forms.

#include "tensor/cuda/fast_divmod.h"
#include "tensor/cuda/operand.h"
#include "tensor/ops/conv2d.h"

namespace tensor::ops::cuda {

using tensor::cuda::FastDivmod;
using tensor::cuda::Major;

template <class T>
constexpr int channels_at_once = std::is_same_v<T, bfloat16> ? 8 : 1;

/// A row or column outside every image, also after a window's offset is added.
constexpr int outside = -(1 << 29);

/// (pixel, tap) -> source[n, top + i * step + direction * t, left + j * step + direction * u, c], zero outside the image; pixel = (n, i,
/// j) of the grid, tap = (t, u, c) of the window. K-major: pixels are rows (forward, dx). MN-major: taps are rows (dw).
template <class T, Major major_>
struct Windows {
  struct Pixel {
    int64_t image;  // its first element
    int row, column;
  };
  struct Tap {
    int row, column, channel;
  };
  using Element = T;
  using Row = std::conditional_t<major_ == Major::k, Pixel, Tap>;
  using K = std::conditional_t<major_ == Major::k, Tap, Pixel>;
  static constexpr Major major = major_;  // channels are contiguous, and they belong to the taps
  static constexpr int unit = channels_at_once<T>;

  const T* data;
  int height, width, channels;
  int pixels, taps;
  FastDivmod grid_height, grid_width, window_width, by_channels;
  int step, direction, top, left;

  __device__ Pixel pixel(int at) const {
    if (at >= pixels) return {0, outside, outside};
    int line, column, image, row;
    grid_width(line, column, at);
    grid_height(image, row, line);
    return {static_cast<int64_t>(image) * height * width * channels, top + row * step, left + column * step};
  }
  __device__ Tap tap(int at) const {
    if (at >= taps) return {outside, outside, 0};
    int place, channel, t, u;
    by_channels(place, channel, at);
    window_width(t, u, place);
    return {direction * t, direction * u, channel};
  }
  __device__ Row row(int at) const {
    if constexpr (major == Major::k)
      return pixel(at);
    else
      return tap(at);
  }
  __device__ K k(int at) const {
    if constexpr (major == Major::k)
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

/// (c, tap) -> w[o, first_row + stride * t, first_column + stride * u, c], tap = (t, u, o): the weights for dx.
template <class T>
struct WeightsByChannel {
  using Element = T;
  using Row = int;
  using K = int64_t;
  static constexpr Major major = Major::mn;
  static constexpr int unit = channels_at_once<T>;

  const T* data;
  int kernel_height, kernel_width, channels;
  int taps;
  FastDivmod window_width, by_outputs;
  int stride, first_row, first_column;

  __device__ Row row(int at) const { return at; }
  __device__ K k(int at) const {
    if (at >= taps) return -1;
    int place, o, t, u;
    by_outputs(place, o, at);
    window_width(t, u, place);
    const int kh = first_row + stride * t, kw = first_column + stride * u;
    return ((static_cast<int64_t>(o) * kernel_height + kh) * kernel_width + kw) * channels;
  }
  __device__ const T* at(Row c, K tap) const { return c < channels && tap >= 0 ? data + tap + c : nullptr; }
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
    int line, column, image, row;
    grid_width(line, column, at);
    grid_height(image, row, line);
    const int r = first_row + stride * row, c = first_column + stride * column;
    return data + ((static_cast<int64_t>(image) * height + r) * width + c) * columns;
  }
};

}  // namespace tensor::ops::cuda
