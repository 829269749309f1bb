// The oracles of subsample_pad: every s-th row and column, zeros around the channels; backwards, zeros where nothing was taken.

#include "tensor/math.h"
#include "tensor/ops/naive.h"
#include "tensor/ops/subsample_pad.h"

namespace tensor::ops::naive {

Tensor subsample_pad(const Tensor& x, int64_t stride, int64_t channels) {
  const std::vector<double> values = x.to_vector();
  const int64_t front = (channels - x.dim(3)) / 2;
  std::vector<double> y;
  for (int64_t n = 0; n < x.dim(0); ++n)
    for (int64_t h = 0; h < x.dim(1); h += stride)
      for (int64_t w = 0; w < x.dim(2); w += stride)
        for (int64_t c = -front; c < channels - front; ++c)
          y.push_back(c >= 0 && c < x.dim(3) ? values[((n * x.dim(1) + h) * x.dim(2) + w) * x.dim(3) + c] : 0);
  return rounded(y, {x.dim(0), ceil_div(x.dim(1), stride), ceil_div(x.dim(2), stride), channels}, x.dtype());
}

Tensor subsample_pad_grad(const Tensor& dy, const Shape& x_shape, int64_t stride) {
  const std::vector<double> g = dy.to_vector();
  const int64_t front = (dy.dim(3) - x_shape[3]) / 2;
  std::vector<double> dx;
  for (int64_t n = 0; n < x_shape[0]; ++n)
    for (int64_t h = 0; h < x_shape[1]; ++h)
      for (int64_t w = 0; w < x_shape[2]; ++w)
        for (int64_t c = 0; c < x_shape[3]; ++c) {
          const bool taken = h % stride == 0 && w % stride == 0;
          const int64_t at = ((n * dy.dim(1) + h / stride) * dy.dim(2) + w / stride) * dy.dim(3) + front + c;
          dx.push_back(taken ? g[at] : 0);
        }
  return rounded(dx, x_shape, dy.dtype());
}

}  // namespace tensor::ops::naive
