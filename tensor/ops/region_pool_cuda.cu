// cost     one addition per element of each rectangle; no scratch. The rectangles are kernel arguments, sixteen per launch
// parallel a thread owns elements of the result and gathers their terms: no two threads write one element
// numerics forward: sums in double, one rounding; backward: one multiply-add in T per rectangle, in index order

#include "tensor/cuda/runtime.h"

#include <algorithm>

#include "tensor/ops/column_tiles.h"
#include "tensor/ops/region_pool.h"

namespace tensor::ops::cuda {
namespace {

struct Rects {
  static constexpr int64_t most = 16;
  Rect at[most];
  int64_t first, count;  // index of the first one among `all`
  int64_t all;
};

template <class T>
struct Pool {
  const T* x;
  Rects rects;
  int64_t height, width, channels;
  T* y;
  __device__ void operator()(int64_t row, int64_t c) const {  // row: images x rectangles of this launch
    const int64_t n = row / rects.count, m = row % rects.count;
    const Rect rect = rects.at[m];
    double sum = 0;
    for (int64_t h = rect.top; h < rect.bottom; ++h)
      for (int64_t w = rect.left; w < rect.right; ++w) sum += static_cast<double>(x[((n * height + h) * width + w) * channels + c]);
    y[(n * rects.all + rects.first + m) * channels + c] = static_cast<T>(sum / static_cast<double>(rect.area()));
  }
};

template <class T>
struct PoolGrad {
  const T* dy;
  Rects rects;
  int64_t height, width, channels;
  T* dx;
  __device__ void operator()(int64_t pixel, int64_t c) const {
    const int64_t n = pixel / (height * width), h = pixel / width % height, w = pixel % width;
    T sum = rects.first == 0 ? T(0) : dx[pixel * channels + c];
    for (int64_t m = 0; m < rects.count; ++m) {
      const Rect& rect = rects.at[m];
      if (h < rect.top || h >= rect.bottom || w < rect.left || w >= rect.right) continue;
      const T factor = T(1) / static_cast<T>(rect.area());
      sum += factor * dy[(n * rects.all + rects.first + m) * channels + c];
    }
    dx[pixel * channels + c] = sum;
  }
};

/// run(part) for each group of sixteen rectangles; once for no rectangles.
template <class Run>
void for_each_part(const std::vector<Rect>& rects, const Run& run) {
  Rects part{{}, 0, 0, static_cast<int64_t>(rects.size())};
  do {
    part.count = std::min(Rects::most, part.all - part.first);
    std::copy_n(rects.begin() + part.first, part.count, part.at);
    run(part);
    part.first += part.count;
  } while (part.first < part.all);
}

}  // namespace

Tensor region_pool(const Tensor& x, const std::vector<Rect>& rects) {
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  Tensor y({x.dim(0), static_cast<int64_t>(rects.size()), channels}, x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for_each_part(rects, [&](const Rects& part) {
      for_each_element(x.dim(0) * part.count, channels, x.device(), Pool<T>{x.data<T>(), part, height, width, channels, y.data<T>()});
    });
  });
  return y;
}

Tensor region_pool_grad(const Tensor& dy, const Shape& x_shape, const std::vector<Rect>& rects) {
  const int64_t height = x_shape[1], width = x_shape[2], channels = x_shape[3];
  Tensor dx(x_shape, dy.dtype(), dy.device());
  dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for_each_part(rects, [&](const Rects& part) {
      for_each_element(x_shape[0] * height * width, channels, dy.device(),
                       PoolGrad<T>{dy.data<T>(), part, height, width, channels, dx.data<T>()});
    });
  });
  return dx;
}

}  // namespace tensor::ops::cuda
