#pragma once
// A matrix x (rows, C) with a row of C values or a column of one value per row.
//
// maths    add_bias: y[r,c] = x[r,c] + bias[c]            multiply_row: y[r,c] = x[r,c] * row[c]
//          add_column: y[r,c] = x[r,c] + column[r]        multiply_column: y[r,c] = x[r,c] * column[r]
// shapes   x, y (.., C) of any rank >= 1: C is the last extent, rows the product of the others; bias, row (C); column (..)
// types    f32 and f64, the same for both
// cost     1 FLOP per element; reads x once, writes y once: memory-bound
// errors   another shape of the row or column; different dtypes or devices; a scalar x

#include "tensor/tensor.h"

namespace tensor::ops {

Tensor add_bias(const Tensor& x, const Tensor& bias);
Tensor multiply_row(const Tensor& x, const Tensor& row);
Tensor add_column(const Tensor& x, const Tensor& column);
Tensor multiply_column(const Tensor& x, const Tensor& column);

namespace naive {  // the oracles: in double, rounded once
decltype(ops::add_bias) add_bias, multiply_row, add_column, multiply_column;
}

namespace cpu {
decltype(ops::add_bias) add_bias, multiply_row, add_column, multiply_column;
}

namespace cuda {
decltype(ops::add_bias) add_bias, multiply_row, add_column, multiply_column;
}

}  // namespace tensor::ops
