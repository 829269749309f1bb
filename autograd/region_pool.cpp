#include "tensor/ops/region_pool.h"

#include "autograd/ops.h"

namespace autograd {

namespace ops = tensor::ops;

Variable region_pool(const Variable& x, const std::vector<ops::Region>& regions) {
  return record("region_pool", ops::region_pool(x.value(), regions), {x},
                [shape = x.shape(), regions](const Tensor& dy, const Needs&) -> Gradients {
                  // y[m] = mean of x over rectangle m     =>   dx[h,w] = sum of dy[m] / area(m) over the rectangles that (h,w) is in
                  return {ops::region_pool_grad(dy, shape, regions)};
                });
}

Variable global_average_pool(const Variable& x) {
  CHECK(x.value().rank() == 4, "global_average_pool: expected (N, H, W, C), got {}", x.shape().to_string());
  const Shape shape = x.shape();
  return reshape(region_pool(x, {{.top = 0, .left = 0, .bottom = shape[1], .right = shape[2]}}), {shape[0], shape[3]});
}

}  // namespace autograd
