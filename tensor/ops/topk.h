#pragma once
// The k largest (or smallest) of each row, in order; equal values in order of their index; NaN is last.
// shapes   x (.., C) -> values (.., k) and i64 indices (.., k), 1 <= k <= C; f32 and f64
// cost     C comparisons and about k log C insertions per row

#include "tensor/tensor.h"

namespace tensor::ops {

enum class Order { largest, smallest };

struct TopkResult {
  Tensor values, indices;
};
/// A result of that shape, not yet filled.
TopkResult empty_topk(const Tensor& x, int64_t k);
TopkResult topk(const Tensor& x, int64_t k, Order order);

namespace naive {
/// Sorts each row whole.
TopkResult topk(const Tensor& x, int64_t k, Order order);
}  // namespace naive

namespace cuda {
decltype(ops::topk) topk;
}  // namespace cuda

}  // namespace tensor::ops
