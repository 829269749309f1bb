#pragma once
// A matrix (rows, C) with a row (C) or a column (rows). x may have any rank >= 1: C is its last extent, rows the product of the others.
// f32 and f64. cost: 1 flop per element, memory-bound.

#include "tensor/tensor.h"

namespace tensor::ops {

Tensor add_row(const Tensor& x, const Tensor& row);             ///< y[r,c] = x[r,c] + row[c]
Tensor multiply_row(const Tensor& x, const Tensor& row);        ///< y[r,c] = x[r,c] * row[c]
Tensor add_column(const Tensor& x, const Tensor& column);       ///< y[r,c] = x[r,c] + column[r]; column has x's shape without the last axis
Tensor multiply_column(const Tensor& x, const Tensor& column);  ///< y[r,c] = x[r,c] * column[r]

namespace naive {
/// The same in double, plainly: the oracles.
Tensor add_row(const Tensor& x, const Tensor& row);
Tensor multiply_row(const Tensor& x, const Tensor& row);
Tensor add_column(const Tensor& x, const Tensor& column);
Tensor multiply_column(const Tensor& x, const Tensor& column);
}  // namespace naive

namespace cuda {
decltype(ops::add_row) add_row;
decltype(ops::multiply_row) multiply_row;
decltype(ops::add_column) add_column;
decltype(ops::multiply_column) multiply_column;
}  // namespace cuda

}  // namespace tensor::ops
