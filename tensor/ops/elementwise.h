#pragma once
// Element by element, f32 and f64. Formulas are the functors in elementwise_functors.h, one source for every device.
// cost: 1 to 20 flop per element, memory-bound: reads each input once, writes the output once.

#include "tensor/tensor.h"

namespace tensor::ops {

Tensor add(const Tensor& a, const Tensor& b);         ///< a + b, same shape
Tensor subtract(const Tensor& a, const Tensor& b);    ///< a - b, same shape
Tensor multiply(const Tensor& a, const Tensor& b);    ///< a * b, same shape
Tensor divide(const Tensor& a, const Tensor& b);      ///< a / b, same shape
Tensor scale(const Tensor& x, double factor);         ///< factor * x
Tensor add_scalar(const Tensor& x, double term);      ///< x + term
Tensor relu(const Tensor& x);                         ///< max(x, 0); NaN stays NaN
Tensor relu_grad(const Tensor& y, const Tensor& dy);  ///< dy where y > 0, else 0
Tensor exp(const Tensor& x);                          ///< our own polynomial in f32 (tensor/ops/exp.h states its error), std::exp in f64
Tensor log(const Tensor& x);                          ///< natural logarithm
Tensor sqrt(const Tensor& x);
/// acc += x, in place; same shape and dtype. Only the engine's accumulate() and statistics call it.
void add_into(Tensor& acc, const Tensor& x);
/// x converted to another floating dtype (f32, f64, bf16; to bf16 rounds to nearest even), or u8 / i32 / i64 widened to f32 or f64.
Tensor cast(const Tensor& x, Dtype dtype);
/// True when every element is finite. f32 and f64.
bool all_finite(const Tensor& x);

namespace cuda {
decltype(ops::add) add;
decltype(ops::subtract) subtract;
decltype(ops::multiply) multiply;
decltype(ops::divide) divide;
decltype(ops::scale) scale;
decltype(ops::add_scalar) add_scalar;
decltype(ops::relu) relu;
decltype(ops::relu_grad) relu_grad;
decltype(ops::exp) exp;
decltype(ops::log) log;
decltype(ops::sqrt) sqrt;
decltype(ops::add_into) add_into;
decltype(ops::cast) cast;
decltype(ops::all_finite) all_finite;
}  // namespace cuda

}  // namespace tensor::ops
