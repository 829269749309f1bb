// The oracle of subsample_pad: every s-th row and column, zeros around the channels.

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
          y.push_back(c >= 0 && c < x.dim(3) ? values[static_cast<size_t>(((n * x.dim(1) + h) * x.dim(2) + w) * x.dim(3) + c)] : 0);
  return rounded(y, {x.dim(0), (x.dim(1) + stride - 1) / stride, (x.dim(2) + stride - 1) / stride, channels}, x.dtype());
}

}  // namespace tensor::ops::naive
