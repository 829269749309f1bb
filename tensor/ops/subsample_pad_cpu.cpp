// maths    y[n,oh,ow,c] = x[n, oh*s, ow*s, c - front] for front <= c < front + C, else 0;  front = (O - C) / 2, rounded down
// shapes   x, dx (N,H,W,C)  y, dy (N, ceil(H/s), ceil(W/s), O), O >= C; f32 and f64
// cost     copies: memory-bound
// parallel a row of pixels is written by one thread
// numerics exact

#include "tensor/ops/subsample_pad.h"

#include <algorithm>

#include "tensor/math.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

int64_t pixel_rows(int64_t width, int64_t channels) {
  return std::max<int64_t>(1, elementwise_grain / std::max<int64_t>(1, width * channels));
}

}  // namespace

Shape subsample_pad_shape(const Shape& x, int64_t stride, int64_t channels) {
  CHECK(x.rank() == 4, "subsample_pad: expected x (N,H,W,C), got {}", x.to_string());
  CHECK(stride >= 1, "subsample_pad: stride {}; it is at least 1", stride);
  CHECK(channels >= x[3], "subsample_pad: {} channels are fewer than the {} of x", channels, x[3]);
  return {x[0], ceil_div(x[1], stride), ceil_div(x[2], stride), channels};
}

namespace cpu {

Tensor subsample_pad(const Tensor& x, int64_t stride, int64_t channels) {
  const Shape shape = subsample_pad_shape(x.shape(), stride, channels);
  const int64_t height = x.dim(1), width = x.dim(2), in_channels = x.dim(3), front = (channels - in_channels) / 2;
  Tensor y(shape, x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    parallel_for(shape[0] * shape[1], pixel_rows(shape[2], channels), [&](int64_t begin, int64_t end) {
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
    parallel_for(x_shape[0] * height, pixel_rows(width, channels), [&](int64_t begin, int64_t end) {
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

Tensor subsample_pad(const Tensor& x, int64_t stride, int64_t channels) { DISPATCH_DEVICE(x, subsample_pad, x, stride, channels); }

Tensor subsample_pad_grad(const Tensor& dy, const Shape& x_shape, int64_t stride) {
  CHECK(dy.rank() == 4, "subsample_pad_grad: expected dy (N,H,W,C), got {}", dy.shape().to_string());
  check_shape("subsample_pad_grad", {"dy", dy}, subsample_pad_shape(x_shape, stride, dy.dim(3)));
  DISPATCH_DEVICE(dy, subsample_pad_grad, dy, x_shape, stride);
}

}  // namespace tensor::ops
