// maths    y[n,m,c] = sum of x[n,h,w,c] over rectangle m / area of m;  dx[n,h,w,c] = sum over the m that cover (h,w) of dy[n,m,c] / area
// shapes   x, dx (N,H,W,C)  y, dy (N,M,C); f32 and f64
// cost     one addition per element of each rectangle, memory-bound; no scratch
// parallel a thread owns elements of the result, and gathers what belongs to them: no two write one place
// numerics forward: sums in double, one rounding; backward: one multiplication and addition in T per rectangle, in index order. The
//          rectangles travel with the launch, sixteen at a time

#include "tensor/cuda/runtime.h"

#include <algorithm>

#include "tensor/ops/column_tiles.h"
#include "tensor/ops/region_pool.h"

namespace tensor::ops::cuda {
namespace {

struct Regions {
  static constexpr int64_t most = 16;
  Region at[most];
  int64_t first, count;  // the first one's number among `all`
  int64_t all;
};

template <class T>
struct Pool {
  const T* x;
  Regions regions;
  int64_t height, width, channels;
  T* y;
  __device__ void operator()(int64_t row, int64_t c) const {  // row: images x rectangles of this launch
    const int64_t n = row / regions.count, m = row % regions.count;
    const Region region = regions.at[m];
    double sum = 0;
    for (int64_t h = region.top; h < region.bottom; ++h)
      for (int64_t w = region.left; w < region.right; ++w) sum += static_cast<double>(x[((n * height + h) * width + w) * channels + c]);
    const double area = static_cast<double>((region.bottom - region.top) * (region.right - region.left));
    y[(n * regions.all + regions.first + m) * channels + c] = static_cast<T>(sum / area);
  }
};

template <class T>
struct PoolGrad {
  const T* dy;
  Regions regions;
  int64_t height, width, channels;
  T* dx;
  __device__ void operator()(int64_t pixel, int64_t c) const {
    const int64_t n = pixel / (height * width), h = pixel / width % height, w = pixel % width;
    T sum = regions.first == 0 ? T(0) : dx[pixel * channels + c];
    for (int64_t m = 0; m < regions.count; ++m) {
      const Region& region = regions.at[m];
      if (h < region.top || h >= region.bottom || w < region.left || w >= region.right) continue;
      const T factor = T(1) / static_cast<T>((region.bottom - region.top) * (region.right - region.left));
      sum += factor * dy[(n * regions.all + regions.first + m) * channels + c];
    }
    dx[pixel * channels + c] = sum;
  }
};

/// run(part) for the rectangles, sixteen at a time; once where there are none.
template <class Run>
void for_each_part(const std::vector<Region>& regions, const Run& run) {
  Regions part{{}, 0, 0, static_cast<int64_t>(regions.size())};
  do {
    part.count = std::min(Regions::most, part.all - part.first);
    std::copy_n(regions.begin() + part.first, part.count, part.at);
    run(part);
    part.first += part.count;
  } while (part.first < part.all);
}

}  // namespace

Tensor region_pool(const Tensor& x, const std::vector<Region>& regions) {
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  Tensor y({x.dim(0), static_cast<int64_t>(regions.size()), channels}, x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for_each_part(regions, [&](const Regions& part) {
      for_each_element(x.dim(0) * part.count, channels, x.device(), Pool<T>{x.data<T>(), part, height, width, channels, y.data<T>()});
    });
  });
  return y;
}

Tensor region_pool_grad(const Tensor& dy, const Shape& x_shape, const std::vector<Region>& regions) {
  const int64_t height = x_shape[1], width = x_shape[2], channels = x_shape[3];
  Tensor dx(x_shape, dy.dtype(), dy.device());
  dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for_each_part(regions, [&](const Regions& part) {
      for_each_element(x_shape[0] * height * width, channels, dy.device(),
                       PoolGrad<T>{dy.data<T>(), part, height, width, channels, dx.data<T>()});
    });
  });
  return dx;
}

}  // namespace tensor::ops::cuda
