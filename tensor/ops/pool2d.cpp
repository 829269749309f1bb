// Argument checks, dispatch to the device, and the oracles of max_pool2d.
#include "tensor/ops/pool2d.h"

#include "tensor/ops/naive.h"

namespace tensor::ops {

Shape pool2d_shape(const Shape& x, Pool2dParams params) {
  const auto [kernel, stride, padding] = params;
  CHECK(x.rank() == 4, "max_pool2d: expected x (N,H,W,C), got {}; reshape it", x.to_string());
  CHECK(kernel >= 1 && stride >= 1 && padding >= 0 && 2 * padding <= kernel,
        "max_pool2d: kernel {}, stride {}, padding {}; use kernel and stride >= 1, padding 0 to half the kernel", kernel, stride, padding);
  CHECK(x[1] >= 1 && x[2] >= 1 && x[1] + 2 * padding >= kernel && x[2] + 2 * padding >= kernel,
        "max_pool2d: the {} x {} window is larger than the image {} padded by {}; use a smaller kernel", kernel, kernel, x.to_string(),
        padding);
  return {x[0], (x[1] + 2 * padding - kernel) / stride + 1, (x[2] + 2 * padding - kernel) / stride + 1, x[3]};
}

MaxPoolResult max_pool2d(const Tensor& x, Pool2dParams params) {
  check_floating("max_pool2d", {"x", x});
  pool2d_shape(x.shape(), params);
  DISPATCH_DEVICE(x, max_pool2d, x, params);
}

Tensor max_pool2d_grad(const Tensor& argmax, const Tensor& dy, const Shape& x_shape, Pool2dParams params) {
  check_floating("max_pool2d_grad", {"dy", dy});
  check_shape("max_pool2d_grad", {"dy", dy}, pool2d_shape(x_shape, params));
  check_shape("max_pool2d_grad", {"argmax", argmax}, dy.shape());
  CHECK(argmax.dtype() == Dtype::i32 && argmax.device() == dy.device(),
        "max_pool2d_grad: argmax is {} on {}, dy is on {}; expected i32 on dy's device", name(argmax.dtype()), argmax.device().to_string(),
        dy.device().to_string());
  DISPATCH_DEVICE(dy, max_pool2d_grad, argmax, dy, x_shape, params);
}

namespace naive {

MaxPoolResult max_pool2d(const Tensor& x, Pool2dParams params) {
  const Shape shape = pool2d_shape(x.shape(), params);
  const std::vector<double> in = x.to_vector();
  std::vector<double> y(shape.numel());
  std::vector<int32_t> argmax(shape.numel(), -1);
  int64_t at = 0;
  for (int64_t n = 0; n < shape[0]; ++n)
    for (int64_t oh = 0; oh < shape[1]; ++oh)
      for (int64_t ow = 0; ow < shape[2]; ++ow)
        for (int64_t c = 0; c < shape[3]; ++c, ++at)
          for (int64_t kh = 0; kh < params.kernel; ++kh)
            for (int64_t kw = 0; kw < params.kernel; ++kw) {
              const int64_t ih = oh * params.stride + kh - params.padding, iw = ow * params.stride + kw - params.padding;
              if (ih < 0 || ih >= x.dim(1) || iw < 0 || iw >= x.dim(2)) continue;
              const double next = in[((n * x.dim(1) + ih) * x.dim(2) + iw) * x.dim(3) + c];
              const bool is_first = argmax[at] < 0;
              if (!is_first && (y[at] != y[at] || next <= y[at])) continue;
              y[at] = next;
              argmax[at] = static_cast<int32_t>(ih * x.dim(2) + iw);
            }
  return {rounded(y, shape, x.dtype()), Tensor::from(argmax, shape)};
}

Tensor max_pool2d_grad(const Tensor& argmax, const Tensor& dy, const Shape& x_shape, Pool2dParams) {
  const std::vector<double> g = dy.to_vector();
  const int64_t windows = dy.dim(1) * dy.dim(2), channels = dy.dim(3);
  std::vector<double> dx(x_shape.numel());
  for (int64_t n = 0; n < dy.dim(0); ++n)
    for (int64_t window = 0; window < windows; ++window)
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t at = (n * windows + window) * channels + c, pixel = argmax.data<int32_t>()[at];
        dx[(n * x_shape[1] * x_shape[2] + pixel) * channels + c] += g[at];
      }
  return rounded(dx, x_shape, dy.dtype());
}

}  // namespace naive
}  // namespace tensor::ops
