#pragma once
// Mean over rectangles of a map: global average pooling is the case of one rectangle, MODE's multi-scale regions (mode/README.md, section "CSD") are six.
//
// maths    y[n,m,c] = mean of x[n,h,w,c] over top <= h < bottom, left <= w < right of rectangle m
// shapes   x (N,H,W,C)  y, dy (N,M,C); f32 and f64
// cost     one addition per element of each rectangle, memory-bound

#include <vector>

#include "tensor/tensor.h"

namespace tensor::ops {

/// Half-open: rows top .. bottom - 1, columns left .. right - 1; not empty.
struct Region {
  int64_t top, left, bottom, right;
  bool operator==(const Region&) const = default;
};

Tensor region_pool(const Tensor& x, const std::vector<Region>& regions);
Tensor region_pool_grad(const Tensor& dy, const Shape& x_shape, const std::vector<Region>& regions);

namespace naive {
Tensor region_pool(const Tensor& x, const std::vector<Region>& regions);
Tensor region_pool_grad(const Tensor& dy, const Shape& x_shape, const std::vector<Region>& regions);
}  // namespace naive

namespace cuda {
decltype(ops::region_pool) region_pool;
decltype(ops::region_pool_grad) region_pool_grad;
}  // namespace cuda

}  // namespace tensor::ops
