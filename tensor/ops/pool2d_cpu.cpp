// cost     reads x once from memory, its overlapping windows from cache
// parallel forward: a thread owns a row of output pixels; backward scatters, so a thread owns an image
// numerics forward exact; backward adds dy in T, in order of the windows
#include <algorithm>

#include "tensor/isa.h"
#include "tensor/ops/pool2d.h"
#include "tensor/parallel.h"

namespace tensor::ops::cpu {
namespace {

#define KERNEL_FILE "tensor/ops/pool2d_kernel.inl"
#include "tensor/for_each_isa.h"

}  // namespace

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
    parallel_for(shape[0] * out_height, rows_per_block(out_width * channels), [&](int64_t begin, int64_t end) {
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

Tensor max_pool2d_grad(const Tensor& argmax, const Tensor& dy, const Shape& x_shape, Pool2dParams) {
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

}  // namespace tensor::ops::cpu
