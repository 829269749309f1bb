// maths    y[n,m,c] = sum of x[n,h,w,c] over rectangle m / area of m;  dx[n,h,w,c] = sum over the m that cover (h,w) of dy[n,m,c] / area
// shapes   x, dx (N,H,W,C)  y, dy (N,M,C); f32 and f64
// cost     one addition per element of each rectangle, memory-bound; scratch 8 C bytes per image and rectangle
// parallel forward: an image and rectangle is one thread's; backward: a row of pixels
// numerics sums of four pixels in T, then double, one rounding; backward one multiplication and addition in T per rectangle

#include "tensor/ops/region_pool.h"

#include <algorithm>
#include <cstring>

#include "tensor/isa.h"
#include "tensor/ops/naive.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

#define KERNEL_FILE "tensor/ops/region_pool_kernel.inl"
#include "tensor/for_each_isa.h"

void check(const Shape& x, const std::vector<Region>& regions) {
  CHECK(x.rank() == 4, "region_pool: expected x (N,H,W,C), got {}", x.to_string());
  for (const Region& region : regions)
    CHECK(region.top >= 0 && region.top < region.bottom && region.bottom <= x[1] && region.left >= 0 && region.left < region.right &&
              region.right <= x[2],
          "region_pool: rectangle rows {} to {}, columns {} to {} is empty or leaves the {} x {} map", region.top, region.bottom,
          region.left, region.right, x[1], x[2]);
}

int64_t area(const Region& region) { return (region.bottom - region.top) * (region.right - region.left); }

}  // namespace

namespace cpu {

Tensor region_pool(const Tensor& x, const std::vector<Region>& regions) {
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3), count = static_cast<int64_t>(regions.size());
  Tensor y({x.dim(0), count, channels}, x.dtype(), x.device());
  Tensor scratch = Tensor::zeros({x.dim(0) * count, channels}, Dtype::f64);
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    double* all_sums = scratch.data<double>();
    const auto add = SELECT_ISA(add_rows<T>);
    const auto divide = SELECT_ISA(divide_sums<T>);
    const int64_t grain = std::max<int64_t>(1, elementwise_grain / std::max<int64_t>(1, height * width * channels));
    parallel_for(x.dim(0) * count, grain, [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item) {
        const Region& region = regions[item % count];
        const T* image = in + item / count * height * width * channels;
        double* sums = all_sums + item * channels;
        if (region.right - region.left == width) {  // whole rows: one run of pixels
          add(image + region.top * width * channels, (region.bottom - region.top) * width, channels, sums);
        } else {
          for (int64_t h = region.top; h < region.bottom; ++h)
            add(image + (h * width + region.left) * channels, region.right - region.left, channels, sums);
        }
        divide(sums, static_cast<double>(area(region)), out + item * channels, channels);
      }
    });
  });
  return y;
}

Tensor region_pool_grad(const Tensor& dy, const Shape& x_shape, const std::vector<Region>& regions) {
  const int64_t height = x_shape[1], width = x_shape[2], channels = x_shape[3], count = static_cast<int64_t>(regions.size());
  Tensor dx(x_shape, dy.dtype(), dy.device());
  dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = dy.data<T>();
    T* out = dx.data<T>();
    const auto put = SELECT_ISA(put_scaled<T>);
    const auto add = SELECT_ISA(add_scaled<T>);
    const int64_t grain = std::max<int64_t>(1, elementwise_grain / std::max<int64_t>(1, width * channels));
    parallel_for(x_shape[0] * height, grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t w = 0; w < width; ++w) {
          const int64_t n = row / height, h = row % height;
          T* pixel = out + (row * width + w) * channels;
          bool is_first = true;
          for (int64_t m = 0; m < count; ++m) {
            const Region& region = regions[m];
            if (h < region.top || h >= region.bottom || w < region.left || w >= region.right) continue;
            (is_first ? put : add)(in + (n * count + m) * channels, T(1) / static_cast<T>(area(region)), pixel, channels);
            is_first = false;
          }
          if (is_first) std::fill_n(pixel, channels, T(0));
        }
    });
  });
  return dx;
}

}  // namespace cpu

Tensor region_pool(const Tensor& x, const std::vector<Region>& regions) {
  check(x.shape(), regions);
  DISPATCH_DEVICE(x, region_pool, x, regions);
}

Tensor region_pool_grad(const Tensor& dy, const Shape& x_shape, const std::vector<Region>& regions) {
  check(x_shape, regions);
  check_shape("region_pool_grad", {"dy", dy}, {x_shape[0], static_cast<int64_t>(regions.size()), x_shape[3]});
  DISPATCH_DEVICE(dy, region_pool_grad, dy, x_shape, regions);
}

namespace naive {

Tensor region_pool(const Tensor& x, const std::vector<Region>& regions) {
  check(x.shape(), regions);
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3), count = static_cast<int64_t>(regions.size());
  Tensor y({x.dim(0), count, channels}, x.dtype());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (int64_t n = 0; n < x.dim(0); ++n)
      for (int64_t m = 0; m < count; ++m)
        for (int64_t c = 0; c < channels; ++c) {
          const Region& region = regions[m];
          double sum = 0;
          for (int64_t h = region.top; h < region.bottom; ++h)
            for (int64_t w = region.left; w < region.right; ++w)
              sum += static_cast<double>(x.data<T>()[((n * height + h) * width + w) * channels + c]);
          y.data<T>()[(n * count + m) * channels + c] = static_cast<T>(sum / static_cast<double>(area(region)));
        }
  });
  return y;
}

Tensor region_pool_grad(const Tensor& dy, const Shape& x_shape, const std::vector<Region>& regions) {
  const std::vector<double> g = dy.to_vector();
  const int64_t count = static_cast<int64_t>(regions.size()), channels = x_shape[3];
  std::vector<double> dx(static_cast<size_t>(x_shape.numel()));
  for (int64_t n = 0; n < x_shape[0]; ++n)
    for (int64_t m = 0; m < count; ++m) {
      const Region& region = regions[m];
      for (int64_t h = region.top; h < region.bottom; ++h)
        for (int64_t w = region.left; w < region.right; ++w)
          for (int64_t c = 0; c < channels; ++c)
            dx[((n * x_shape[1] + h) * x_shape[2] + w) * channels + c] +=
                g[(n * count + m) * channels + c] / static_cast<double>(area(region));
    }
  return rounded(dx, x_shape, dy.dtype());
}

}  // namespace naive
}  // namespace tensor::ops
