#pragma once
// A tensor of any rank >= 1 seen as a matrix: along its last axis, as most ops do, or along its first; short because kernels of every op
// include it.

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

inline Shape without_first_axis(const Shape& shape) {
  Shape result;
  for (int axis = 1; axis < shape.rank(); ++axis) result.push_back(shape[axis]);
  return result;
}

/// (.., C): the columns are the last axis, the rows all others. A scalar is an Error, which names `op`.
inline MatrixView as_matrix(const Tensor& x, const char* op = "as_matrix") {
  CHECK(x.rank() >= 1, "{}: expected a tensor of rows x channels, got a scalar; reshape it", op);
  return {without_last_axis(x.shape()).numel(), x.dim(-1)};
}

/// (R, ..): the rows are the first axis, the columns all others. A scalar is an Error, which names `op`.
inline MatrixView first_axis_as_rows(const Tensor& x, const char* op = "first_axis_as_rows") {
  CHECK(x.rank() >= 1, "{}: expected a tensor of at least one axis, got a scalar; reshape it", op);
  return {x.dim(0), without_first_axis(x.shape()).numel()};
}

}  // namespace tensor::ops
