// maths    y[n,oh,ow,c] = max | mean over kh, kw of x[n, oh*s+kh-p, ow*s+kw-p, c];  dx: the same windows, read backwards
// shapes   x, dx (N,H,W,C)  y, dy, argmax (N,OH,OW,C); f32 and f64
// cost     K * K operations per element of y, memory-bound
// parallel forward and mean's gradient: a row of pixels is written by one thread; maximum's gradient scatters, an image per thread
// numerics maximum: the first of equals, NaN wins; mean: sum in T, the divisor is K * K also at the border

#include "tensor/ops/pool2d.h"

#include <algorithm>

#include "tensor/isa.h"
#include "tensor/ops/naive.h"
#include "tensor/ops/pool2d_windows.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

#define KERNEL_FILE "tensor/ops/pool2d_kernel.inl"
#include "tensor/for_each_isa.h"

/// Rows of pixels in a block: about elementwise_grain elements.
int64_t pixel_rows(int64_t width, int64_t channels) {
  return std::max<int64_t>(1, elementwise_grain / std::max<int64_t>(1, width * channels));
}

}  // namespace

Shape pool2d_shape(const Shape& x, Pool2dParams params) {
  const auto [kernel, stride, padding] = params;
  CHECK(x.rank() == 4, "pool2d: expected x (N,H,W,C), got {}", x.to_string());
  CHECK(kernel >= 1 && stride >= 1 && padding >= 0 && 2 * padding <= kernel,
        "pool2d: kernel {}, stride {}, padding {}; kernel and stride are at least 1, padding 0 to half the kernel", kernel, stride,
        padding);
  CHECK(x[1] >= 1 && x[2] >= 1 && x[1] + 2 * padding >= kernel && x[2] + 2 * padding >= kernel,
        "pool2d: the {} x {} window is larger than the image {} padded by {}", kernel, kernel, x.to_string(), padding);
  return {x[0], (x[1] + 2 * padding - kernel) / stride + 1, (x[2] + 2 * padding - kernel) / stride + 1, x[3]};
}

namespace cpu {

MaxPoolResult max_pool2d(const Tensor& x, Pool2dParams params) {
  const Shape shape = pool2d_shape(x.shape(), params);
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3), out_height = shape[1], out_width = shape[2];
  MaxPoolResult result = {Tensor(shape, x.dtype(), x.device()), Tensor(shape, Dtype::i32, x.device())};
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* y = result.y.data<T>();
    int32_t* argmax = result.argmax.data<int32_t>();
    const auto take_larger = SELECT_ISA(max_row<T>);
    parallel_for(shape[0] * out_height, pixel_rows(out_width, channels), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const T* image = in + row / out_height * height * width * channels;
        const Window rows = window(row % out_height, height, params);
        for (int64_t ow = 0; ow < out_width; ++ow) {
          const Window columns = window(ow, width, params);
          const int64_t at = (row * out_width + ow) * channels, first = rows.begin * width + columns.begin;
          std::copy_n(image + first * channels, channels, y + at);
          std::fill_n(argmax + at, channels, static_cast<int32_t>(first));
          for (int64_t ih = rows.begin; ih < rows.end; ++ih)
            for (int64_t iw = columns.begin; iw < columns.end; ++iw) {
              const int64_t pixel = ih * width + iw;
              if (pixel != first) take_larger(image + pixel * channels, static_cast<int32_t>(pixel), y + at, argmax + at, channels);
            }
        }
      }
    });
  });
  return result;
}

Tensor max_pool2d_grad(const Tensor& dy, const Tensor& argmax, const Shape& x_shape, Pool2dParams) {
  Tensor dx = Tensor::zeros(x_shape, dy.dtype(), dy.device());
  const int64_t channels = x_shape[3], image_size = x_shape[1] * x_shape[2] * channels;
  const int64_t pixels = dy.dim(1) * dy.dim(2);
  dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = dy.data<T>();
    const int32_t* from = argmax.data<int32_t>();
    T* out = dx.data<T>();
    parallel_for(x_shape[0], 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n)
        for (int64_t pixel = n * pixels; pixel < (n + 1) * pixels; ++pixel)
          for (int64_t c = 0; c < channels; ++c)
            out[n * image_size + from[pixel * channels + c] * channels + c] += in[pixel * channels + c];
    });
  });
  return dx;
}

Tensor avg_pool2d(const Tensor& x, Pool2dParams params) {
  const Shape shape = pool2d_shape(x.shape(), params);
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3), out_height = shape[1], out_width = shape[2];
  Tensor y = Tensor::zeros(shape, x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const T factor = T(1) / static_cast<T>(params.kernel * params.kernel);
    const auto add = SELECT_ISA(add_row<T>);
    const auto scale = SELECT_ISA(scale_row<T>);
    parallel_for(shape[0] * out_height, pixel_rows(out_width, channels), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const T* image = in + row / out_height * height * width * channels;
        const Window rows = window(row % out_height, height, params);
        for (int64_t ow = 0; ow < out_width; ++ow) {
          const Window columns = window(ow, width, params);
          T* sums = out + (row * out_width + ow) * channels;
          for (int64_t ih = rows.begin; ih < rows.end; ++ih)
            for (int64_t iw = columns.begin; iw < columns.end; ++iw) add(image + (ih * width + iw) * channels, sums, channels);
          scale(factor, sums, channels);
        }
      }
    });
  });
  return y;
}

Tensor avg_pool2d_grad(const Tensor& dy, const Shape& x_shape, Pool2dParams params) {
  Tensor dx = Tensor::zeros(x_shape, dy.dtype(), dy.device());
  const int64_t height = x_shape[1], width = x_shape[2], channels = x_shape[3], out_height = dy.dim(1), out_width = dy.dim(2);
  dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = dy.data<T>();
    T* out = dx.data<T>();
    const T factor = T(1) / static_cast<T>(params.kernel * params.kernel);
    const auto add = SELECT_ISA(add_row<T>);
    const auto scale = SELECT_ISA(scale_row<T>);
    parallel_for(x_shape[0] * height, pixel_rows(width, channels), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const T* image = in + row / height * out_height * out_width * channels;
        const Window rows = windows_over(row % height, out_height, params);
        for (int64_t iw = 0; iw < width; ++iw) {
          const Window columns = windows_over(iw, out_width, params);
          T* sums = out + (row * width + iw) * channels;
          for (int64_t oh = rows.begin; oh < rows.end; ++oh)
            for (int64_t ow = columns.begin; ow < columns.end; ++ow) add(image + (oh * out_width + ow) * channels, sums, channels);
          scale(factor, sums, channels);
        }
      }
    });
  });
  return dx;
}

}  // namespace cpu

MaxPoolResult max_pool2d(const Tensor& x, Pool2dParams params) { DISPATCH_DEVICE(x, max_pool2d, x, params); }

Tensor max_pool2d_grad(const Tensor& dy, const Tensor& argmax, const Shape& x_shape, Pool2dParams params) {
  check_shape("max_pool2d_grad", {"dy", dy}, pool2d_shape(x_shape, params));
  check_shape("max_pool2d_grad", {"argmax", argmax}, dy.shape());
  check_same_device("max_pool2d_grad", {"dy", dy}, {"argmax", argmax});
  DISPATCH_DEVICE(dy, max_pool2d_grad, dy, argmax, x_shape, params);
}

Tensor avg_pool2d(const Tensor& x, Pool2dParams params) { DISPATCH_DEVICE(x, avg_pool2d, x, params); }

Tensor avg_pool2d_grad(const Tensor& dy, const Shape& x_shape, Pool2dParams params) {
  check_shape("avg_pool2d_grad", {"dy", dy}, pool2d_shape(x_shape, params));
  DISPATCH_DEVICE(dy, avg_pool2d_grad, dy, x_shape, params);
}

namespace naive {
namespace {

/// visit(y_at, x_at, pixel) for every element of every window, in order.
template <class Visit>
void for_each_in_window(const Shape& x, const Shape& y, Pool2dParams params, const Visit& visit) {
  int64_t y_at = 0;
  for (int64_t n = 0; n < y[0]; ++n)
    for (int64_t oh = 0; oh < y[1]; ++oh)
      for (int64_t ow = 0; ow < y[2]; ++ow)
        for (int64_t c = 0; c < y[3]; ++c, ++y_at)
          for (int64_t kh = 0; kh < params.kernel; ++kh)
            for (int64_t kw = 0; kw < params.kernel; ++kw) {
              const int64_t ih = oh * params.stride + kh - params.padding, iw = ow * params.stride + kw - params.padding;
              if (ih < 0 || ih >= x[1] || iw < 0 || iw >= x[2]) continue;
              visit(y_at, ((n * x[1] + ih) * x[2] + iw) * x[3] + c, ih * x[2] + iw);
            }
}

}  // namespace

MaxPoolResult max_pool2d(const Tensor& x, Pool2dParams params) {
  const Shape shape = pool2d_shape(x.shape(), params);
  MaxPoolResult result = {Tensor(shape, x.dtype()), Tensor::full(shape, -1, Dtype::i32)};
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* y = result.y.data<T>();
    int32_t* argmax = result.argmax.data<int32_t>();
    for_each_in_window(x.shape(), shape, params, [&](int64_t y_at, int64_t x_at, int64_t pixel) {
      const bool is_first = argmax[y_at] < 0;
      if (!is_first && (y[y_at] != y[y_at] || in[x_at] <= y[y_at])) return;
      y[y_at] = in[x_at];
      argmax[y_at] = static_cast<int32_t>(pixel);
    });
  });
  return result;
}

Tensor avg_pool2d(const Tensor& x, Pool2dParams params) {
  const Shape shape = pool2d_shape(x.shape(), params);
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    std::vector<double> sums(static_cast<size_t>(shape.numel()));
    for_each_in_window(x.shape(), shape, params, [&](int64_t y_at, int64_t x_at, int64_t) {
      sums[y_at] += static_cast<double>(in[x_at]) / static_cast<double>(params.kernel * params.kernel);
    });
    return Tensor::from(std::vector<T>(sums.begin(), sums.end()), shape);
  });
}

/// Every dy goes to the pixel that was the maximum of its window.
Tensor max_pool2d_grad(const Tensor& dy, const Tensor& argmax, const Shape& x_shape, Pool2dParams) {
  const std::vector<double> g = dy.to_vector();
  const int64_t windows = dy.dim(1) * dy.dim(2), channels = dy.dim(3);
  std::vector<double> dx(static_cast<size_t>(x_shape.numel()));
  for (int64_t n = 0; n < dy.dim(0); ++n)
    for (int64_t window = 0; window < windows; ++window)
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t at = (n * windows + window) * channels + c, pixel = argmax.data<int32_t>()[at];
        dx[(n * x_shape[1] * x_shape[2] + pixel) * channels + c] += g[at];
      }
  return rounded(dx, x_shape, dy.dtype());
}

Tensor avg_pool2d_grad(const Tensor& dy, const Shape& x_shape, Pool2dParams params) {
  const std::vector<double> g = dy.to_vector();
  std::vector<double> dx(static_cast<size_t>(x_shape.numel()));
  for_each_in_window(x_shape, dy.shape(), params, [&](int64_t y_at, int64_t x_at, int64_t) {
    dx[x_at] += g[y_at] / static_cast<double>(params.kernel * params.kernel);
  });
  return rounded(dx, x_shape, dy.dtype());
}

}  // namespace naive
}  // namespace tensor::ops
