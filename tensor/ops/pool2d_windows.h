#pragma once
// Which positions a window covers, and which windows cover a position.

#include <cstdint>

#include "tensor/host_device.h"
#include "tensor/ops/pool2d.h"

namespace tensor::ops {

/// The positions or windows `begin` to `end` - 1.
struct Window {
  int64_t begin, end;
};

/// The part of window `o` that lies inside [0, extent).
HOST_DEVICE Window window(int64_t o, int64_t extent, Pool2dParams params) {
  const int64_t first = o * params.stride - params.padding, end = first + params.kernel;
  return {first < 0 ? 0 : first, end < extent ? end : extent};
}

/// The windows o that cover position i: o * s - p <= i < o * s - p + K.
HOST_DEVICE Window windows_over(int64_t i, int64_t windows, Pool2dParams params) {
  const int64_t end = (i + params.padding) / params.stride + 1;
  const int64_t before = i + params.padding - params.kernel;  // the last position of a window that ends short of i, if >= 0
  return {before < 0 ? 0 : before / params.stride + 1, end < windows ? end : windows};
}

}  // namespace tensor::ops
