// maths    conv2d.h's sums, one output per thread: the first step of conv2d's staircase (staircase.h)
// cost     two reads per product (2 FLOP), nothing is reused: memory-bound
// parallel a thread owns one output and sums over the three other indices
// numerics one running sum in the operands' dtype
#include "tensor/cuda/runtime.h"

#include "tensor/math.h"
#include "tensor/ops/staircase.h"

namespace tensor::ops::cuda {
namespace {

using tensor::cuda::launch;
using tensor::cuda::stream_of;

struct Extents {
  int64_t n, h, w, c, o, kh, kw, oh, ow, stride, padding;
  Extents(const Shape& x, const Shape& weights, const Shape& y, Conv2dParams params)
      : n(x[0]),
        h(x[1]),
        w(x[2]),
        c(x[3]),
        o(weights[0]),
        kh(weights[1]),
        kw(weights[2]),
        oh(y[1]),
        ow(y[2]),
        stride(params.stride),
        padding(params.padding) {}
};

constexpr int threads = 256;

__device__ int64_t output_of_thread() { return static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x; }

template <class T>
__global__ void __launch_bounds__(threads) forward_kernel(const T* x, const T* w, T* y, Extents e) {
  const int64_t i = output_of_thread();
  if (i >= e.n * e.oh * e.ow * e.o) return;
  const int64_t o = i % e.o, ow = i / e.o % e.ow, oh = i / (e.o * e.ow) % e.oh, n = i / (e.o * e.ow * e.oh);
  T sum{};
  for (int64_t kh = 0; kh < e.kh; ++kh)
    for (int64_t kw = 0; kw < e.kw; ++kw) {
      const int64_t ih = oh * e.stride + kh - e.padding, iw = ow * e.stride + kw - e.padding;
      if (ih < 0 || ih >= e.h || iw < 0 || iw >= e.w) continue;
      const T* pixel = x + ((n * e.h + ih) * e.w + iw) * e.c;
      const T* weights = w + ((o * e.kh + kh) * e.kw + kw) * e.c;
      for (int64_t c = 0; c < e.c; ++c) sum += pixel[c] * weights[c];
    }
  y[i] = sum;
}

template <class T>
__global__ void __launch_bounds__(threads) dx_kernel(const T* dy, const T* w, T* dx, Extents e) {
  const int64_t i = output_of_thread();
  if (i >= e.n * e.h * e.w * e.c) return;
  const int64_t c = i % e.c, iw = i / e.c % e.w, ih = i / (e.c * e.w) % e.h, n = i / (e.c * e.w * e.h);
  T sum{};
  for (int64_t kh = 0; kh < e.kh; ++kh)
    for (int64_t kw = 0; kw < e.kw; ++kw) {
      const int64_t down = ih + e.padding - kh, right = iw + e.padding - kw;
      if (down < 0 || right < 0 || down % e.stride != 0 || right % e.stride != 0) continue;
      const int64_t oh = down / e.stride, ow = right / e.stride;
      if (oh >= e.oh || ow >= e.ow) continue;
      const T* pixel = dy + ((n * e.oh + oh) * e.ow + ow) * e.o;
      for (int64_t o = 0; o < e.o; ++o) sum += pixel[o] * w[((o * e.kh + kh) * e.kw + kw) * e.c + c];
    }
  dx[i] = sum;
}

template <class T>
__global__ void __launch_bounds__(threads) dw_kernel(const T* x, const T* dy, T* dw, Extents e) {
  const int64_t i = output_of_thread();
  if (i >= e.o * e.kh * e.kw * e.c) return;
  const int64_t c = i % e.c, kw = i / e.c % e.kw, kh = i / (e.c * e.kw) % e.kh, o = i / (e.c * e.kw * e.kh);
  T sum{};
  for (int64_t n = 0; n < e.n; ++n)
    for (int64_t oh = 0; oh < e.oh; ++oh)
      for (int64_t ow = 0; ow < e.ow; ++ow) {
        const int64_t ih = oh * e.stride + kh - e.padding, iw = ow * e.stride + kw - e.padding;
        if (ih < 0 || ih >= e.h || iw < 0 || iw >= e.w) continue;
        sum += x[((n * e.h + ih) * e.w + iw) * e.c + c] * dy[((n * e.oh + oh) * e.ow + ow) * e.o + o];
      }
  dw[i] = sum;
}

/// result = kernel(a, b), one thread an element.
template <class T>
Tensor start(void (*kernel)(const T*, const T*, T*, Extents), const Tensor& a, const Tensor& b, const Shape& shape, const Extents& e) {
  Tensor result(shape, dtype_of<T>(), a.device());
  const int64_t count = result.numel();
  if (count > 0) launch(kernel, ceil_div(count, threads), threads, 0, stream_of(a.device()), a.data<T>(), b.data<T>(), result.data<T>(), e);
  return result;
}

}  // namespace

namespace steps {

Tensor conv2d_naive(const Tensor& x, const Tensor& w, Conv2dParams params) {
  const Shape y = conv2d_output_shape(x.shape(), w.shape(), params);
  return dispatch_floating(x.dtype(), [&](auto zero) {
    return start(forward_kernel<decltype(zero)>, x, w, y, {x.shape(), w.shape(), y, params});
  });
}

Tensor conv2d_dx_naive(const Tensor& w, const Tensor& dy, const Shape& x_shape, Conv2dParams params) {
  return dispatch_floating(dy.dtype(), [&](auto zero) {
    return start(dx_kernel<decltype(zero)>, dy, w, x_shape, {x_shape, w.shape(), dy.shape(), params});
  });
}

Tensor conv2d_dw_naive(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    return start(dw_kernel<decltype(zero)>, x, dy, w_shape, {x.shape(), w_shape, dy.shape(), params});
  });
}

}  // namespace steps
}  // namespace tensor::ops::cuda
