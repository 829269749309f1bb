#pragma once
// Element by element: y[i] = f(x[i]) or f(a[i], b[i]). The formulas f are functors in elementwise_functors.h, one source for every device.
//
// shapes   any; two inputs have the same shape, dtype and device
// types    f32 and f64 (cast: see there)
// cost     1 to 20 FLOP per element, memory-bound: reads each input once, writes y once
// errors   different shapes, dtypes or devices; another dtype

#include "tensor/tensor.h"

namespace tensor::ops {

Tensor add(const Tensor& a, const Tensor& b);         ///< a + b
Tensor subtract(const Tensor& a, const Tensor& b);    ///< a - b
Tensor multiply(const Tensor& a, const Tensor& b);    ///< a * b
Tensor divide(const Tensor& a, const Tensor& b);      ///< a / b
Tensor scale(const Tensor& x, double factor);         ///< factor * x
Tensor add_scalar(const Tensor& x, double term);      ///< x + term
Tensor relu(const Tensor& x);                         ///< max(x, 0); NaN stays NaN
Tensor relu_grad(const Tensor& y, const Tensor& dy);  ///< dy where y > 0, else 0
Tensor exp(const Tensor& x);                          ///< our own polynomial in f32 (tensor/ops/exp.h states its error), std::exp in f64
Tensor log(const Tensor& x);                          ///< natural logarithm
Tensor sqrt(const Tensor& x);
/// acc += x, in place. For the engine's accumulate() and for statistics.
void add_into(Tensor& acc, const Tensor& x);
/// f32, f64 or bf16 to any of these three (to bf16: rounds to nearest even); u8, i32 or i64 to f32 or f64.
Tensor cast(const Tensor& x, Dtype dtype);
/// True when every element is finite.
bool all_finite(const Tensor& x);

// The functors are the formulas, so there is no naive:: here; the tests compare with the standard library.

namespace cpu {
decltype(ops::add) add, subtract, multiply, divide, relu_grad;
decltype(ops::scale) scale, add_scalar;
decltype(ops::relu) relu, exp, log, sqrt;
decltype(ops::add_into) add_into;
decltype(ops::cast) cast;
decltype(ops::all_finite) all_finite;
}  // namespace cpu

namespace cuda {
decltype(ops::add) add, subtract, multiply, divide, relu_grad;
decltype(ops::scale) scale, add_scalar;
decltype(ops::relu) relu, exp, log, sqrt;
decltype(ops::add_into) add_into;
decltype(ops::cast) cast;
decltype(ops::all_finite) all_finite;
}  // namespace cuda

}  // namespace tensor::ops
