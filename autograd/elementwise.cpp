#include "tensor/ops/elementwise.h"

#include "autograd/ops.h"

namespace autograd {

namespace ops = tensor::ops;

// derivation of add
//   y = a + b
//   da = dy
//   db = dy
Variable add(const Variable& a, const Variable& b) {
  return record("add", ops::add(a.value(), b.value()), {a, b}, [](const Tensor& dy, const Needs&) -> Gradients { return {dy, dy}; });
}

// derivation of subtract
//   y = a - b
//   da = dy
//   db = -dy
Variable subtract(const Variable& a, const Variable& b) {
  return record("subtract", ops::subtract(a.value(), b.value()), {a, b}, [](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
    return {dy, needs_input_grad[1] ? ops::scale(dy, -1) : Tensor()};
  });
}

// derivation of multiply
//   y = a b
//   da = dy b
//   db = dy a
Variable multiply(const Variable& a, const Variable& b) {
  return record("multiply", ops::multiply(a.value(), b.value()), {a, b},
                [a = a.value(), b = b.value()](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                  return {needs_input_grad[0] ? ops::multiply(dy, b) : Tensor(), needs_input_grad[1] ? ops::multiply(dy, a) : Tensor()};
                });
}

// derivation of divide
//   y = a / b
//   da = dy / b
//   db = -dy a / b^2 = -da y
Variable divide(const Variable& a, const Variable& b) {
  Tensor y = ops::divide(a.value(), b.value());
  return record("divide", y, {a, b}, [y, b = b.value()](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
    const Tensor da = ops::divide(dy, b);
    return {da, needs_input_grad[1] ? ops::scale(ops::multiply(da, y), -1) : Tensor()};
  });
}

// derivation of scale
//   y = s x
//   dx = s dy
Variable scale(const Variable& x, double factor) {
  return record("scale", ops::scale(x.value(), factor), {x},
                [factor](const Tensor& dy, const Needs&) -> Gradients { return {ops::scale(dy, factor)}; });
}

// derivation of add_scalar
//   y = x + t
//   dx = dy
Variable add_scalar(const Variable& x, double term) {
  return record("add_scalar", ops::add_scalar(x.value(), term), {x}, [](const Tensor& dy, const Needs&) -> Gradients { return {dy}; });
}

// derivation of relu
//   y = max(x, 0)
//   dx = dy [y > 0]
Variable relu(const Variable& x) {
  Tensor y = ops::relu(x.value());
  return record("relu", y, {x}, [y](const Tensor& dy, const Needs&) -> Gradients { return {ops::relu_grad(y, dy)}; });
}

// derivation of exp
//   y = e^x
//   dx = dy y
Variable exp(const Variable& x) {
  Tensor y = ops::exp(x.value());
  return record("exp", y, {x}, [y](const Tensor& dy, const Needs&) -> Gradients { return {ops::multiply(dy, y)}; });
}

// derivation of log
//   y = ln x
//   dx = dy / x
Variable log(const Variable& x) {
  return record("log", ops::log(x.value()), {x},
                [x = x.value()](const Tensor& dy, const Needs&) -> Gradients { return {ops::divide(dy, x)}; });
}

// derivation of sqrt
//   y = x^(1/2)
//   dx = dy / (2 y)
Variable sqrt(const Variable& x) {
  Tensor y = ops::sqrt(x.value());
  return record("sqrt", y, {x}, [y](const Tensor& dy, const Needs&) -> Gradients { return {ops::scale(ops::divide(dy, y), 0.5)}; });
}

}  // namespace autograd
