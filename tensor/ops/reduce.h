#pragma once
// Sums over everything or one axis, and the place of the maximum.
//
// shapes   sum, mean: x of any shape -> ()
//          sum(x, 0): (R, ..) -> (..);  sum(x, -1): (.., C) -> (..);  argmax: (.., C) -> i64 (..)
// types    f32 and f64
// cost     1 FLOP per element, memory-bound
// numerics sums in double (on the CPU, sum(x, 0) adds four rows in the dtype, the fours in double), in blocks that are added in index order;
//          NaN reaches every result
// errors   another axis than 0 and -1; sum over an axis of a scalar; mean of no elements; argmax without columns

#include "tensor/tensor.h"

namespace tensor::ops {

Tensor sum(const Tensor& x);            ///< all elements
Tensor mean(const Tensor& x);           ///< sum / numel
Tensor sum(const Tensor& x, int axis);  ///< axis 0: y[c] = sum_r x[r,c];  axis -1: y[r] = sum_c x[r,c]
Tensor argmax(const Tensor& x);         ///< over the last axis: the first index of the maximum; NaN is above every number

namespace naive {  // the oracles: one running sum in double, rounded once
Tensor sum(const Tensor& x);
Tensor sum(const Tensor& x, int axis);
decltype(ops::mean) mean, argmax;
}  // namespace naive

namespace cpu {
Tensor sum(const Tensor& x);
Tensor sum(const Tensor& x, int axis);
decltype(ops::mean) mean, argmax;
}  // namespace cpu

namespace cuda {
Tensor sum(const Tensor& x);
Tensor sum(const Tensor& x, int axis);
decltype(ops::mean) mean, argmax;
}  // namespace cuda

}  // namespace tensor::ops
