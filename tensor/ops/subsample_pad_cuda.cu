// cost     copies: memory-bound
// parallel a thread owns elements of the result and gathers their values: no two write one place
// numerics exact

#include "tensor/cuda/runtime.h"

#include "tensor/ops/column_tiles.h"
#include "tensor/ops/subsample_pad.h"

namespace tensor::ops::cuda {
namespace {

/// Of the large feature map x and the small one y.
struct Sizes {
  Sizes(const Shape& x, const Shape& y, int64_t stride_)
      : height(x[1]), width(x[2]), channels(x[3]), out_height(y[1]), out_width(y[2]), out_channels(y[3]), stride(stride_) {}
  int64_t height, width, channels, out_height, out_width, out_channels, stride;
  int64_t front = (out_channels - channels) / 2;
};

template <class T>
struct Subsample {
  const T* x;
  Sizes sizes;
  T* y;
  __device__ void operator()(int64_t pixel, int64_t c) const {
    const int64_t row = pixel / sizes.out_width, ow = pixel % sizes.out_width;
    const int64_t ih = row / sizes.out_height * sizes.height + row % sizes.out_height * sizes.stride, from = c - sizes.front;
    const bool inside = from >= 0 && from < sizes.channels;
    y[pixel * sizes.out_channels + c] = inside ? x[(ih * sizes.width + ow * sizes.stride) * sizes.channels + from] : T(0);
  }
};

template <class T>
struct SubsampleGrad {
  const T* dy;
  Sizes sizes;
  T* dx;
  __device__ void operator()(int64_t pixel, int64_t c) const {
    const int64_t w = pixel % sizes.width, h = pixel / sizes.width % sizes.height, n = pixel / (sizes.width * sizes.height);
    const bool is_taken = h % sizes.stride == 0 && w % sizes.stride == 0;
    const int64_t from = (n * sizes.out_height + h / sizes.stride) * sizes.out_width + w / sizes.stride;
    dx[pixel * sizes.channels + c] = is_taken ? dy[from * sizes.out_channels + sizes.front + c] : T(0);
  }
};

}  // namespace

Tensor subsample_pad(const Tensor& x, int64_t stride, int64_t channels) {
  const Shape shape = subsample_pad_shape(x.shape(), stride, channels);
  Tensor y(shape, x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for_each_element(y, Subsample<T>{x.data<T>(), {x.shape(), shape, stride}, y.data<T>()});
  });
  return y;
}

Tensor subsample_pad_grad(const Tensor& dy, const Shape& x_shape, int64_t stride) {
  Tensor dx(x_shape, dy.dtype(), dy.device());
  dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for_each_element(dx, SubsampleGrad<T>{dy.data<T>(), {x_shape, dy.shape(), stride}, dx.data<T>()});
  });
  return dx;
}

}  // namespace tensor::ops::cuda
