#include "tensor/ops/subsample_pad.h"

#include "tensor/math.h"
#include "tensor/ops/naive.h"

namespace tensor::ops {

Shape subsample_pad_shape(const Shape& x, int64_t stride, int64_t channels) {
  CHECK(x.rank() == 4, "subsample_pad: expected x (N,H,W,C), got {}", x.to_string());
  CHECK(stride >= 1, "subsample_pad: stride {}; expected at least 1", stride);
  CHECK(channels >= x[3], "subsample_pad: {} channels are fewer than the {} of x", channels, x[3]);
  return {x[0], ceil_div(x[1], stride), ceil_div(x[2], stride), channels};
}

Tensor subsample_pad(const Tensor& x, int64_t stride, int64_t channels) {
  check_floating("subsample_pad", {"x", x});
  subsample_pad_shape(x.shape(), stride, channels);
  DISPATCH_DEVICE(x, subsample_pad, x, stride, channels);
}

Tensor subsample_pad_grad(const Tensor& dy, const Shape& x_shape, int64_t stride) {
  check_rank("subsample_pad_grad", {"dy", dy}, 4, "(N,H,W,O)");
  check_floating("subsample_pad_grad", {"dy", dy});
  check_shape("subsample_pad_grad", {"dy", dy}, subsample_pad_shape(x_shape, stride, dy.dim(3)));
  DISPATCH_DEVICE(dy, subsample_pad_grad, dy, x_shape, stride);
}

namespace naive {

Tensor subsample_pad(const Tensor& x, int64_t stride, int64_t channels) {
  const std::vector<double> values = x.to_vector();
  const int64_t front = (channels - x.dim(3)) / 2;
  std::vector<double> y;
  for (int64_t n = 0; n < x.dim(0); ++n)
    for (int64_t h = 0; h < x.dim(1); h += stride)
      for (int64_t w = 0; w < x.dim(2); w += stride)
        for (int64_t c = -front; c < channels - front; ++c)
          y.push_back(c >= 0 && c < x.dim(3) ? values[((n * x.dim(1) + h) * x.dim(2) + w) * x.dim(3) + c] : 0);
  return rounded(y, subsample_pad_shape(x.shape(), stride, channels), x.dtype());
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

}  // namespace naive
}  // namespace tensor::ops
