#include "tensor/ops/elementwise.h"

namespace tensor::ops {

#define CHECKED_UNARY(op_)          \
  Tensor op_(const Tensor& x) {     \
    check_floating(#op_, {"x", x}); \
    DISPATCH_DEVICE(x, op_, x);     \
  }
CHECKED_UNARY(relu)
CHECKED_UNARY(exp)
CHECKED_UNARY(log)
CHECKED_UNARY(sqrt)
#undef CHECKED_UNARY

#define CHECKED_BINARY(op_)                      \
  Tensor op_(const Tensor& a, const Tensor& b) { \
    check_same(#op_, {"a", a}, {"b", b});        \
    check_floating(#op_, {"a", a});              \
    DISPATCH_DEVICE(a, op_, a, b);               \
  }
CHECKED_BINARY(add)
CHECKED_BINARY(subtract)
CHECKED_BINARY(multiply)
CHECKED_BINARY(divide)
#undef CHECKED_BINARY

Tensor scale(const Tensor& x, double factor) {
  check_floating("scale", {"x", x});
  DISPATCH_DEVICE(x, scale, x, factor);
}

Tensor add_scalar(const Tensor& x, double term) {
  check_floating("add_scalar", {"x", x});
  DISPATCH_DEVICE(x, add_scalar, x, term);
}

Tensor relu_grad(const Tensor& y, const Tensor& dy) {
  check_same("relu_grad", {"y", y}, {"dy", dy});
  check_floating("relu_grad", {"y", y});
  DISPATCH_DEVICE(y, relu_grad, y, dy);
}

void add_into(Tensor& acc, const Tensor& x) {
  check_same("add_into", {"acc", acc}, {"x", x});
  check_floating("add_into", {"x", x});
  DISPATCH_DEVICE(x, add_into, acc, x);
}

Tensor cast(const Tensor& x, Dtype dtype) {
  if (dtype == x.dtype()) return x.clone();
  const auto is_floating = [](Dtype type) { return type == Dtype::f32 || type == Dtype::f64 || type == Dtype::bf16; };
  CHECK(is_floating(dtype), "cast: x is {} {}; it can be cast to f32, f64 or bf16, not to {}", name(x.dtype()), x.shape().to_string(),
        name(dtype));
  CHECK(is_floating(x.dtype()) || dtype != Dtype::bf16, "cast: x is {} {}; cast it to f32 first, then to bf16", name(x.dtype()),
        x.shape().to_string());
  DISPATCH_DEVICE(x, cast, x, dtype);
}

bool all_finite(const Tensor& x) {
  check_floating("all_finite", {"x", x});
  DISPATCH_DEVICE(x, all_finite, x);
}

}  // namespace tensor::ops
