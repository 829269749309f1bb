#pragma once
// A tensor of any rank >= 1 seen as a matrix: the last extent is C, rows is the product of the others.

#include "tensor/tensor.h"

namespace tensor::ops {

struct MatrixView {
  int64_t rows, columns;
};

inline Shape without_last_axis(const Shape& shape) {
  Shape result;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) result.push_back(shape[axis]);
  return result;
}

inline MatrixView as_matrix(const Tensor& x) {
  CHECK(x.rank() >= 1, "expected a tensor of rows x channels, got a scalar; reshape it");
  return {without_last_axis(x.shape()).numel(), x.dim(-1)};
}

}  // namespace tensor::ops
