// cost     forward K * K reads per element of y, backward (K / s)^2 per element of dx; most from cache
// parallel a thread owns elements of the result and gathers their terms, in the backward pass too: no two threads write one element
// numerics forward exact; backward adds dy in T, in order of the windows

#include "tensor/cuda/runtime.h"

#include "tensor/ops/column_tiles.h"
#include "tensor/ops/pool2d.h"

namespace tensor::ops::cuda {
namespace {

/// Height, width and channels of the image, and of the windows over it.
struct Sizes {
  Sizes(const Shape& x, const Shape& y, Pool2dParams params_)
      : height(x[1]), width(x[2]), channels(x[3]), out_height(y[1]), out_width(y[2]), params(params_) {}
  int64_t height, width, channels, out_height, out_width;
  Pool2dParams params;
};

template <class T>
struct MaxPool {
  const T* x;
  Sizes sizes;
  T* y;
  int32_t* argmax;
  __device__ void operator()(int64_t row, int64_t c) const {
    const int64_t n = row / (sizes.out_height * sizes.out_width), oh = row / sizes.out_width % sizes.out_height, ow = row % sizes.out_width;
    const Window rows = window(oh, sizes.height, sizes.params), columns = window(ow, sizes.width, sizes.params);
    T best = T(0);
    int64_t from = -1;
    for (int64_t ih = rows.begin; ih < rows.end; ++ih)
      for (int64_t iw = columns.begin; iw < columns.end; ++iw) {
        const int64_t pixel = ih * sizes.width + iw;
        const T next = x[(n * sizes.height * sizes.width + pixel) * sizes.channels + c];
        // !(next <= best) is "greater or NaN"; a NaN in best stays.
        if (from >= 0 && (next <= best || best != best)) continue;
        best = next;
        from = pixel;
      }
    y[row * sizes.channels + c] = best;
    argmax[row * sizes.channels + c] = static_cast<int32_t>(from);
  }
};

template <class T>
struct MaxPoolGrad {
  const int32_t* argmax;
  const T* dy;
  Sizes sizes;
  T* dx;
  __device__ void operator()(int64_t row, int64_t c) const {
    const int64_t n = row / (sizes.height * sizes.width), h = row / sizes.width % sizes.height, w = row % sizes.width;
    const Window rows = windows_over(h, sizes.out_height, sizes.params), columns = windows_over(w, sizes.out_width, sizes.params);
    T sum = T(0);
    for (int64_t oh = rows.begin; oh < rows.end; ++oh)
      for (int64_t ow = columns.begin; ow < columns.end; ++ow) {
        const int64_t at = ((n * sizes.out_height + oh) * sizes.out_width + ow) * sizes.channels + c;
        if (argmax[at] == h * sizes.width + w) sum += dy[at];
      }
    dx[row * sizes.channels + c] = sum;
  }
};

}  // namespace

MaxPoolResult max_pool2d(const Tensor& x, Pool2dParams params) {
  const Shape shape = pool2d_shape(x.shape(), params);
  MaxPoolResult result = {Tensor(shape, x.dtype(), x.device()), Tensor(shape, Dtype::i32, x.device())};
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for_each_element(result.y, MaxPool<T>{x.data<T>(), {x.shape(), shape, params}, result.y.data<T>(), result.argmax.data<int32_t>()});
  });
  return result;
}

Tensor max_pool2d_grad(const Tensor& argmax, const Tensor& dy, const Shape& x_shape, Pool2dParams params) {
  Tensor dx(x_shape, dy.dtype(), dy.device());
  dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for_each_element(dx, MaxPoolGrad<T>{argmax.data<int32_t>(), dy.data<T>(), {x_shape, dy.shape(), params}, dx.data<T>()});
  });
  return dx;
}

}  // namespace tensor::ops::cuda
