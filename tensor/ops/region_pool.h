#pragma once
// Mean over rectangles of a feature map: global average pooling has one rectangle, MODE's multi-scale regions have six (mode/README.md,
// section "CSD").
//
// maths    y[n,m,c] = mean of x[n,h,w,c] over top <= h < bottom, left <= w < right of rectangle m
// shapes   x (N,H,W,C)  y, dy (N,M,C); f32 and f64
// cost     one addition per element of each rectangle, memory-bound

#include <vector>

#include "tensor/math.h"
#include "tensor/tensor.h"

namespace tensor::ops {

/// Half-open: rows top .. bottom - 1, columns left .. right - 1; not empty.
struct Rect {
  int64_t top, left, bottom, right;
  HOST_DEVICE int64_t area() const { return (bottom - top) * (right - left); }
  bool operator==(const Rect&) const = default;
};

/// Error: a rectangle is empty or leaves the feature map.
Tensor region_pool(const Tensor& x, const std::vector<Rect>& rects);
/// dx: each dy is spread evenly over its rectangle.
Tensor region_pool_grad(const Tensor& dy, const Shape& x_shape, const std::vector<Rect>& rects);

namespace naive {
decltype(ops::region_pool) region_pool;
decltype(ops::region_pool_grad) region_pool_grad;
}  // namespace naive

namespace cpu {
decltype(ops::region_pool) region_pool;
decltype(ops::region_pool_grad) region_pool_grad;
}  // namespace cpu

namespace cuda {
decltype(ops::region_pool) region_pool;
decltype(ops::region_pool_grad) region_pool_grad;
}  // namespace cuda

}  // namespace tensor::ops
