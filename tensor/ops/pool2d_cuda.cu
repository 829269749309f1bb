// maths    y[n,oh,ow,c] = max | mean over kh, kw of x[n, oh*s+kh-p, ow*s+kw-p, c];  dx: the same windows, read backwards
// shapes   x, dx (N,H,W,C)  y, dy, argmax (N,OH,OW,C); f32 and f64
// cost     K * K operations per element of y (backward: (K / s)^2 per element of dx), memory-bound
// parallel a thread owns elements of the result, and gathers what belongs to them, the gradient of the maximum too: no two write one place
// numerics maximum: the first of equals, NaN wins; mean: sum in T, the divisor is K * K also at the border; windows in index order

#include "tensor/cuda/runtime.h"

#include "tensor/ops/column_tiles.h"
#include "tensor/ops/pool2d.h"
#include "tensor/ops/pool2d_windows.h"

namespace tensor::ops::cuda {
namespace {

/// Height, width and channels of the image, and of the windows over it.
struct Sizes {
  Sizes(const Shape& x, const Shape& y, Pool2dParams params_)
      : height(x[1]), width(x[2]), channels(x[3]), out_height(y[1]), out_width(y[2]), params(params_) {}
  int64_t height, width, channels, out_height, out_width;
  Pool2dParams params;
};

/// visit(position in x, pixel of its image) for each element of the window of output element (row, c), in order.
template <class Visit>
__device__ void for_each_in_window(const Sizes& sizes, int64_t row, int64_t c, const Visit& visit) {
  const int64_t n = row / (sizes.out_height * sizes.out_width), oh = row / sizes.out_width % sizes.out_height, ow = row % sizes.out_width;
  const Window rows = window(oh, sizes.height, sizes.params), columns = window(ow, sizes.width, sizes.params);
  for (int64_t ih = rows.begin; ih < rows.end; ++ih)
    for (int64_t iw = columns.begin; iw < columns.end; ++iw) {
      const int64_t pixel = ih * sizes.width + iw;
      visit((n * sizes.height * sizes.width + pixel) * sizes.channels + c, pixel);
    }
}

/// visit(position in y) for each window over input element (row, c), in order.
template <class Visit>
__device__ void for_each_window_over(const Sizes& sizes, int64_t row, int64_t c, const Visit& visit) {
  const int64_t n = row / (sizes.height * sizes.width), h = row / sizes.width % sizes.height, w = row % sizes.width;
  const Window rows = windows_over(h, sizes.out_height, sizes.params), columns = windows_over(w, sizes.out_width, sizes.params);
  for (int64_t oh = rows.begin; oh < rows.end; ++oh)
    for (int64_t ow = columns.begin; ow < columns.end; ++ow)
      visit(((n * sizes.out_height + oh) * sizes.out_width + ow) * sizes.channels + c);
}

template <class T>
struct MaxPool {
  const T* x;
  Sizes sizes;
  T* y;
  int32_t* argmax;
  __device__ void operator()(int64_t row, int64_t c) const {
    T best = T(0);
    int64_t from = -1;
    for_each_in_window(sizes, row, c, [&](int64_t at, int64_t pixel) {
      const T next = x[at];
      // Not <= is greater or NaN; a NaN that is there already stays.
      if (from >= 0 && (next <= best || best != best)) return;
      best = next;
      from = pixel;
    });
    y[row * sizes.channels + c] = best;
    argmax[row * sizes.channels + c] = static_cast<int32_t>(from);
  }
};

template <class T>
struct MaxPoolGrad {
  const T* dy;
  const int32_t* argmax;
  Sizes sizes;
  T* dx;
  __device__ void operator()(int64_t row, int64_t c) const {
    const int64_t pixel = row % (sizes.height * sizes.width);
    T sum = T(0);
    for_each_window_over(sizes, row, c, [&](int64_t at) {
      if (argmax[at] == pixel) sum += dy[at];
    });
    dx[row * sizes.channels + c] = sum;
  }
};

template <class T>
struct AvgPool {
  const T* x;
  Sizes sizes;
  T* y;
  __device__ void operator()(int64_t row, int64_t c) const {
    T sum = T(0);
    for_each_in_window(sizes, row, c, [&](int64_t at, int64_t) { sum += x[at]; });
    y[row * sizes.channels + c] = sum * (T(1) / static_cast<T>(sizes.params.kernel * sizes.params.kernel));
  }
};

template <class T>
struct AvgPoolGrad {
  const T* dy;
  Sizes sizes;
  T* dx;
  __device__ void operator()(int64_t row, int64_t c) const {
    T sum = T(0);
    for_each_window_over(sizes, row, c, [&](int64_t at) { sum += dy[at]; });
    dx[row * sizes.channels + c] = sum * (T(1) / static_cast<T>(sizes.params.kernel * sizes.params.kernel));
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

Tensor max_pool2d_grad(const Tensor& dy, const Tensor& argmax, const Shape& x_shape, Pool2dParams params) {
  Tensor dx(x_shape, dy.dtype(), dy.device());
  dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for_each_element(dx, MaxPoolGrad<T>{dy.data<T>(), argmax.data<int32_t>(), {x_shape, dy.shape(), params}, dx.data<T>()});
  });
  return dx;
}

Tensor avg_pool2d(const Tensor& x, Pool2dParams params) {
  const Shape shape = pool2d_shape(x.shape(), params);
  Tensor y(shape, x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for_each_element(y, AvgPool<T>{x.data<T>(), {x.shape(), shape, params}, y.data<T>()});
  });
  return y;
}

Tensor avg_pool2d_grad(const Tensor& dy, const Shape& x_shape, Pool2dParams params) {
  Tensor dx(x_shape, dy.dtype(), dy.device());
  dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for_each_element(dx, AvgPoolGrad<T>{dy.data<T>(), {x_shape, dy.shape(), params}, dx.data<T>()});
  });
  return dx;
}

}  // namespace tensor::ops::cuda
