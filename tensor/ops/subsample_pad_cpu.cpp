// cost     copies: memory-bound
// parallel a row of pixels is written by one thread
// numerics exact

#include "tensor/ops/subsample_pad.h"

#include <algorithm>

#include "tensor/parallel.h"

namespace tensor::ops {
namespace cpu {

Tensor subsample_pad(const Tensor& x, int64_t stride, int64_t channels) {
  const Shape shape = subsample_pad_shape(x.shape(), stride, channels);
  const int64_t height = x.dim(1), width = x.dim(2), in_channels = x.dim(3), front = (channels - in_channels) / 2;
  Tensor y(shape, x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    parallel_for(shape[0] * shape[1], rows_per_block(shape[2] * channels), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t ow = 0; ow < shape[2]; ++ow) {
          const T* from = in + ((row / shape[1] * height + row % shape[1] * stride) * width + ow * stride) * in_channels;
          T* to = out + (row * shape[2] + ow) * channels;
          std::fill_n(to, front, T(0));
          std::copy_n(from, in_channels, to + front);
          std::fill_n(to + front + in_channels, channels - front - in_channels, T(0));
        }
    });
  });
  return y;
}

Tensor subsample_pad_grad(const Tensor& dy, const Shape& x_shape, int64_t stride) {
  const int64_t height = x_shape[1], width = x_shape[2], channels = x_shape[3], front = (dy.dim(3) - channels) / 2;
  Tensor dx(x_shape, dy.dtype(), dy.device());
  dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = dy.data<T>();
    T* out = dx.data<T>();
    parallel_for(x_shape[0] * height, rows_per_block(width * channels), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t w = 0; w < width; ++w) {
          const int64_t n = row / height, h = row % height;
          T* to = out + (row * width + w) * channels;
          if (h % stride == 0 && w % stride == 0)
            std::copy_n(in + ((n * dy.dim(1) + h / stride) * dy.dim(2) + w / stride) * dy.dim(3) + front, channels, to);
          else
            std::fill_n(to, channels, T(0));
        }
    });
  });
  return dx;
}

}  // namespace cpu

}  // namespace tensor::ops
