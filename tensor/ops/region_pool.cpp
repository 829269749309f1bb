// Argument checks, dispatch to the device, and the oracles of region_pool.
#include "tensor/ops/region_pool.h"

#include "tensor/ops/naive.h"

namespace tensor::ops {
namespace {

void check_rects(const char* op, const Shape& x, const std::vector<Rect>& rects) {
  CHECK(x.rank() == 4, "{}: expected x (N,H,W,C), got {}; reshape it", op, x.to_string());
  for (const Rect& rect : rects)
    CHECK(rect.top >= 0 && rect.top < rect.bottom && rect.bottom <= x[1] && rect.left >= 0 && rect.left < rect.right && rect.right <= x[2],
          "{}: the rectangle of rows {} to {}, columns {} to {} is empty or leaves the {} x {} feature map; bounds are half-open", op,
          rect.top, rect.bottom, rect.left, rect.right, x[1], x[2]);
}

}  // namespace

Tensor region_pool(const Tensor& x, const std::vector<Rect>& rects) {
  check_floating("region_pool", {"x", x});
  check_rects("region_pool", x.shape(), rects);
  DISPATCH_DEVICE(x, region_pool, x, rects);
}

Tensor region_pool_grad(const Tensor& dy, const Shape& x_shape, const std::vector<Rect>& rects) {
  check_floating("region_pool_grad", {"dy", dy});
  check_rects("region_pool_grad", x_shape, rects);
  check_shape("region_pool_grad", {"dy", dy}, {x_shape[0], static_cast<int64_t>(rects.size()), x_shape[3]});
  DISPATCH_DEVICE(dy, region_pool_grad, dy, x_shape, rects);
}

namespace naive {

Tensor region_pool(const Tensor& x, const std::vector<Rect>& rects) {
  const std::vector<double> in = x.to_vector();
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  std::vector<double> y;
  for (int64_t n = 0; n < x.dim(0); ++n)
    for (const Rect& rect : rects)
      for (int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (int64_t h = rect.top; h < rect.bottom; ++h)
          for (int64_t w = rect.left; w < rect.right; ++w) sum += in[((n * height + h) * width + w) * channels + c];
        y.push_back(sum / static_cast<double>(rect.area()));
      }
  return rounded(y, {x.dim(0), static_cast<int64_t>(rects.size()), channels}, x.dtype());
}

Tensor region_pool_grad(const Tensor& dy, const Shape& x_shape, const std::vector<Rect>& rects) {
  const std::vector<double> g = dy.to_vector();
  const int64_t count = static_cast<int64_t>(rects.size()), channels = x_shape[3];
  std::vector<double> dx(x_shape.numel());
  for (int64_t n = 0; n < x_shape[0]; ++n)
    for (int64_t m = 0; m < count; ++m) {
      const Rect& rect = rects[m];
      for (int64_t h = rect.top; h < rect.bottom; ++h)
        for (int64_t w = rect.left; w < rect.right; ++w)
          for (int64_t c = 0; c < channels; ++c)
            dx[((n * x_shape[1] + h) * x_shape[2] + w) * channels + c] +=
                g[(n * count + m) * channels + c] / static_cast<double>(rect.area());
    }
  return rounded(dx, x_shape, dy.dtype());
}

}  // namespace naive
}  // namespace tensor::ops
