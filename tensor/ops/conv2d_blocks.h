#pragma once
// What conv2d_cpu.cpp hands to the kernels of conv2d_kernel.inl: one block of work each, owned by one thread.

#include <cstdint>

namespace tensor::ops::cpu {

/// result[pixel, o] = sum over window rows kh and k < depth of input[pixel][kh * row_pitch + k] * panel[kh, k, o].
/// In channels-last layout one row of a window is KW * C consecutive numbers, so a window is `kernel_h` runs of `depth`.
template <class T>
struct CorrelateBlock {
  const T* const* inputs;  // per pixel: the first number of its window
  T* const* outputs;       // per pixel: its result, `channels` consecutive numbers
  int64_t pixels;
  int64_t kernel_h, depth, row_pitch;
  const T* panels;  // packed weights, see Conv2dKernels
  int64_t channels;
};

/// dw[o, j] = sum over pixels of dy[pixel, o] * x[the number under tap and channel j], j = (kh, kw, c), for a range of pixels and of
/// columns j.
template <class T>
struct WeightGradientBlock {
  const T* x;
  int64_t height, width, channels;
  const T* dy;
  int64_t out_height, out_width, out_channels;
  int64_t kernel_h, kernel_w, stride, padding;
  int64_t first_pixel, last_pixel;    // of N * OH * OW
  int64_t first_column, last_column;  // of KH * KW * C
  T* dw;                              // (O, KH * KW * C); these columns are overwritten
  T* scratch;                         // Conv2dKernels::gradient_scratch(O) numbers
};

/// The kernels of one instruction set. Weights are packed in panels of `panel_channels` output channels, the last one narrower (a multiple
/// of `lanes`, filled up with zeros); the panel that begins at channel o stands at panels + o * K, as K rows of its width, K = kernel_h *
/// depth.
template <class T>
struct Conv2dKernels {
  int64_t lanes, panel_channels;
  int64_t column_tile;  // the width of a tile of dw: column ranges should begin at its multiples
  void (*correlate)(const CorrelateBlock<T>&);
  void (*weight_gradient)(const WeightGradientBlock<T>&);
  int64_t (*gradient_scratch)(int64_t out_channels);
};

}  // namespace tensor::ops::cpu
