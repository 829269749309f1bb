#pragma once
// Sums and maxima. f32 and f64; sums run in double (sum_rows: four rows in the dtype, the fours in double), in blocks that are added in
// index order: the same bits for any number of threads. cost: 1 flop per element, memory-bound.

#include "tensor/tensor.h"

namespace tensor::ops {

Tensor sum(const Tensor& x);             ///< all elements -> shape ()
Tensor mean(const Tensor& x);            ///< sum / numel; an empty x is an error
Tensor sum_rows(const Tensor& x);        ///< (rows, C) -> (C): over the rows; any rank >= 1, C is the last extent
Tensor sum_columns(const Tensor& x);     ///< (.., C) -> (..): over the last axis
Tensor max_columns(const Tensor& x);     ///< (.., C) -> (..), C >= 1; NaN wins
Tensor argmax_columns(const Tensor& x);  ///< (.., C) -> i64 (..): the first index of the maximum; NaN wins

namespace naive {
/// One running sum (or maximum) in double: the oracles.
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x);
Tensor sum_rows(const Tensor& x);
Tensor sum_columns(const Tensor& x);
Tensor max_columns(const Tensor& x);
Tensor argmax_columns(const Tensor& x);
}  // namespace naive

namespace cuda {
decltype(ops::sum) sum;
decltype(ops::mean) mean;
decltype(ops::sum_rows) sum_rows;
decltype(ops::sum_columns) sum_columns;
decltype(ops::max_columns) max_columns;
decltype(ops::argmax_columns) argmax_columns;
}  // namespace cuda

}  // namespace tensor::ops
