// cost     one addition per element of each rectangle; scratch 8 C bytes per image and rectangle
// parallel forward: a thread owns an image and rectangle; backward: a row of pixels
// numerics forward: sums of four pixels in T, then double, one rounding; backward: one multiply-add in T per rectangle
#include "tensor/ops/region_pool.h"

#include <algorithm>
#include <cstring>

#include "tensor/isa.h"
#include "tensor/parallel.h"

namespace tensor::ops::cpu {
namespace {

#define KERNEL_FILE "tensor/ops/region_pool_kernel.inl"
#include "tensor/for_each_isa.h"

}  // namespace

Tensor region_pool(const Tensor& x, const std::vector<Rect>& rects) {
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3), count = static_cast<int64_t>(rects.size());
  Tensor y({x.dim(0), count, channels}, x.dtype(), x.device());
  Tensor scratch = Tensor::zeros({x.dim(0) * count, channels}, Dtype::f64);
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    double* all_sums = scratch.data<double>();
    const auto add = SELECT_ISA(accumulate_rows<T>);
    const auto divide = SELECT_ISA(divide_sums<T>);
    const int64_t grain = rows_per_block(height * width * channels);
    parallel_for(x.dim(0) * count, grain, [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item) {
        const Rect& rect = rects[item % count];
        const T* image = in + item / count * height * width * channels;
        double* sums = all_sums + item * channels;
        if (rect.right - rect.left == width) {  // whole rows: one run of pixels
          add(image + rect.top * width * channels, (rect.bottom - rect.top) * width, channels, sums);
        } else {
          for (int64_t h = rect.top; h < rect.bottom; ++h)
            add(image + (h * width + rect.left) * channels, rect.right - rect.left, channels, sums);
        }
        divide(sums, static_cast<double>(rect.area()), out + item * channels, channels);
      }
    });
  });
  return y;
}

Tensor region_pool_grad(const Tensor& dy, const Shape& x_shape, const std::vector<Rect>& rects) {
  const int64_t height = x_shape[1], width = x_shape[2], channels = x_shape[3], count = static_cast<int64_t>(rects.size());
  Tensor dx(x_shape, dy.dtype(), dy.device());
  dispatch_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = dy.data<T>();
    T* out = dx.data<T>();
    const auto put = SELECT_ISA(put_scaled<T>);
    const auto add = SELECT_ISA(add_scaled<T>);
    const int64_t grain = rows_per_block(width * channels);
    parallel_for(x_shape[0] * height, grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t w = 0; w < width; ++w) {
          const int64_t n = row / height, h = row % height;
          T* pixel = out + (row * width + w) * channels;
          bool is_first = true;
          for (int64_t m = 0; m < count; ++m) {
            const Rect& rect = rects[m];
            if (h < rect.top || h >= rect.bottom || w < rect.left || w >= rect.right) continue;
            (is_first ? put : add)(in + (n * count + m) * channels, T(1) / static_cast<T>(rect.area()), pixel, channels);
            is_first = false;
          }
          if (is_first) std::fill_n(pixel, channels, T(0));
        }
    });
  });
  return dx;
}

}  // namespace tensor::ops::cpu
