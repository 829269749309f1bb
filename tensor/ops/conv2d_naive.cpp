// The oracles of conv2d: seven loops, sums in double, nothing else. Read them before conv2d_cpu.cpp.

#include "tensor/ops/conv2d.h"

namespace tensor::ops::naive {
namespace {

/// Calls visit(n, oh, ow, o, kh, kw, c, ih, iw) for every product that a convolution sums, the innermost loop over c.
template <class Visit>
void for_each_product(const Shape& x, const Shape& w, const Shape& y, Conv2dParams params, const Visit& visit) {
  for (int64_t n = 0; n < y[0]; ++n)
    for (int64_t oh = 0; oh < y[1]; ++oh)
      for (int64_t ow = 0; ow < y[2]; ++ow)
        for (int64_t o = 0; o < y[3]; ++o)
          for (int64_t kh = 0; kh < w[1]; ++kh)
            for (int64_t kw = 0; kw < w[2]; ++kw) {
              const int64_t ih = oh * params.stride + kh - params.padding, iw = ow * params.stride + kw - params.padding;
              if (ih < 0 || ih >= x[1] || iw < 0 || iw >= x[2]) continue;
              const int64_t x_at = ((n * x[1] + ih) * x[2] + iw) * x[3], w_at = ((o * w[1] + kh) * w[2] + kw) * x[3];
              const int64_t y_at = ((n * y[1] + oh) * y[2] + ow) * y[3] + o;
              for (int64_t c = 0; c < x[3]; ++c) visit(x_at + c, w_at + c, y_at);
            }
}

template <class T>
Tensor rounded(const std::vector<double>& sums, const Shape& shape) {
  return Tensor::from(std::vector<T>(sums.begin(), sums.end()), shape);
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dParams params) {
  const Shape shape = conv2d_output_shape(x.shape(), w.shape(), params);
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<double> y(static_cast<size_t>(shape.numel()));
    const T *x_data = x.data<T>(), *w_data = w.data<T>();
    for_each_product(x.shape(), w.shape(), shape, params, [&](int64_t x_at, int64_t w_at, int64_t y_at) {
      y[y_at] += static_cast<double>(x_data[x_at]) * static_cast<double>(w_data[w_at]);
    });
    return rounded<T>(y, shape);
  });
}

Tensor conv2d_dx(const Tensor& dy, const Tensor& w, const Shape& x_shape, Conv2dParams params) {
  return dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<double> dx(static_cast<size_t>(x_shape.numel()));
    const T *dy_data = dy.data<T>(), *w_data = w.data<T>();
    for_each_product(x_shape, w.shape(), dy.shape(), params, [&](int64_t x_at, int64_t w_at, int64_t y_at) {
      dx[x_at] += static_cast<double>(dy_data[y_at]) * static_cast<double>(w_data[w_at]);
    });
    return rounded<T>(dx, x_shape);
  });
}

Tensor conv2d_dw(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<double> dw(static_cast<size_t>(w_shape.numel()));
    const T *x_data = x.data<T>(), *dy_data = dy.data<T>();
    for_each_product(x.shape(), w_shape, dy.shape(), params, [&](int64_t x_at, int64_t w_at, int64_t y_at) {
      dw[w_at] += static_cast<double>(x_data[x_at]) * static_cast<double>(dy_data[y_at]);
    });
    return rounded<T>(dw, w_shape);
  });
}

}  // namespace tensor::ops::naive
