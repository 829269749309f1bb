#include "tensor/ops/region_pool.h"

#include "autograd/ops.h"

namespace autograd {

namespace ops = tensor::ops;

// derivation of region_pool
//   y[n,m,c] = mean of x[n,h,w,c] over top <= h < bottom, left <= w < right of rectangle m
//   dx[n,h,w,c] = sum of dy[n,m,c] / area(m) over the rectangles m that contain (h,w)
Variable region_pool(const Variable& x, const std::vector<ops::Rect>& rects) {
  return record(
      "region_pool", ops::region_pool(x.value(), rects), {x},
      [shape = x.shape(), rects](const Tensor& dy, const Needs&) -> Gradients { return {ops::region_pool_grad(dy, shape, rects)}; });
}

// derivation of global_average_pool
//   y[n,c] = sum over (h,w) of x[n,h,w,c] / (H W)
//   dx[n,h,w,c] = dy[n,c] / (H W)
Variable global_average_pool(const Variable& x) {
  CHECK(x.value().rank() == 4, "global_average_pool: expected x (N,H,W,C), got {}; reshape it", x.shape().to_string());
  const Shape shape = x.shape();
  return reshape(region_pool(x, {{.top = 0, .left = 0, .bottom = shape[1], .right = shape[2]}}), {shape[0], shape[3]});
}

}  // namespace autograd
