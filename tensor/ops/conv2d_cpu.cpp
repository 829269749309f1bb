#include "tensor/ops/conv2d.h"

namespace tensor::ops {

Shape conv2d_output_shape(const Shape& x, const Shape& w, Conv2dParams params) {
  CHECK(x.rank() == 4 && w.rank() == 4, "conv2d: expected x (N,H,W,C) and w (O,KH,KW,C), got {} and {}", x.to_string(), w.to_string());
  CHECK(x[3] == w[3], "conv2d: x {} has {} channels, w {} takes {}", x.to_string(), x[3], w.to_string(), w[3]);
  CHECK(params.stride >= 1 && params.padding >= 0, "conv2d: stride {} and padding {}; stride is at least 1, padding at least 0",
        params.stride, params.padding);
  CHECK(w[1] >= 1 && w[2] >= 1, "conv2d: w {} has an empty window", w.to_string());
  const int64_t rows = x[1] + 2 * params.padding - w[1], columns = x[2] + 2 * params.padding - w[2];
  CHECK(rows >= 0 && columns >= 0, "conv2d: the {} x {} kernel is larger than the picture {} padded by {}", w[1], w[2], x.to_string(),
        params.padding);
  return {x[0], rows / params.stride + 1, columns / params.stride + 1, w[0]};
}

Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dParams params) { return naive::conv2d(x, w, params); }
Tensor conv2d_dx(const Tensor& dy, const Tensor& w, const Shape& x_shape, Conv2dParams params) {
  return naive::conv2d_dx(dy, w, x_shape, params);
}
Tensor conv2d_dw(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  return naive::conv2d_dw(x, dy, w_shape, params);
}

}  // namespace tensor::ops
