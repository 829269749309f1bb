// maths    y[i] = f(x[i]) or f(a[i], b[i]), f from elementwise_functors.h
// shapes   any, all the same; f32 and f64 (cast: every dtype to f32, f64, bf16)
// cost     reads each input once, writes y once: memory-bound
// parallel a block of elementwise_grain elements is written by one thread
// numerics one operation and one rounding per element (exp: see exp.h); NaN passes through relu

#include <cstring>
#include <vector>

#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/elementwise_functors.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

#define KERNEL_FILE "tensor/ops/elementwise_kernel.inl"
#include "tensor/for_each_isa.h"

template <class To, class From, class Function>
void run_unary(const Tensor& x, Tensor& y, Function function) {
  const From* in = x.data<From>();
  To* out = y.data<To>();
  const auto kernel = SELECT_ISA(unary<To, From, Function>);
  parallel_for(x.numel(), elementwise_grain, [&](int64_t begin, int64_t end) { kernel(in + begin, out + begin, end - begin, function); });
}

template <class Function>
Tensor map(const Tensor& x, Function function) {
  Tensor y(x.shape(), x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    run_unary<T, T>(x, y, function);
  });
  return y;
}

template <class Function>
Tensor map(const Tensor& a, const Tensor& b, Function function) {
  Tensor y(a.shape(), a.dtype(), a.device());
  dispatch_floating(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *left = a.data<T>(), *right = b.data<T>();
    T* out = y.data<T>();
    const auto kernel = SELECT_ISA(binary<T, Function>);
    parallel_for(a.numel(), elementwise_grain,
                 [&](int64_t begin, int64_t end) { kernel(left + begin, right + begin, out + begin, end - begin, function); });
  });
  return y;
}

template <class To>
Tensor cast_to(const Tensor& x) {
  Tensor y(x.shape(), dtype_of<To>(), x.device());
  switch (x.dtype()) {
    case Dtype::f32:
      run_unary<To, float>(x, y, Cast<To>{});
      return y;
    case Dtype::f64:
      run_unary<To, double>(x, y, Cast<To>{});
      return y;
    case Dtype::bf16:
      run_unary<To, bfloat16>(x, y, Cast<To>{});
      return y;
    default:
      break;
  }
  if constexpr (!std::is_same_v<To, bfloat16>) {
    switch (x.dtype()) {
      case Dtype::u8:
        run_unary<To, uint8_t>(x, y, Cast<To>{});
        return y;
      case Dtype::i32:
        run_unary<To, int32_t>(x, y, Cast<To>{});
        return y;
      case Dtype::i64:
        run_unary<To, int64_t>(x, y, Cast<To>{});
        return y;
      default:
        break;
    }
  }
  throw Error(fmt::format("cast from {} to {}: cast to f32 first", name(x.dtype()), name(y.dtype())), __FILE__, __LINE__);
}

}  // namespace

namespace cpu {

Tensor add(const Tensor& a, const Tensor& b) { return map(a, b, Add{}); }
Tensor subtract(const Tensor& a, const Tensor& b) { return map(a, b, Subtract{}); }
Tensor multiply(const Tensor& a, const Tensor& b) { return map(a, b, Multiply{}); }
Tensor divide(const Tensor& a, const Tensor& b) { return map(a, b, Divide{}); }
Tensor scale(const Tensor& x, double factor) { return map(x, Scale{factor}); }
Tensor add_scalar(const Tensor& x, double term) { return map(x, AddScalar{term}); }
Tensor relu(const Tensor& x) { return map(x, Relu{}); }
Tensor relu_grad(const Tensor& y, const Tensor& dy) { return map(y, dy, ReluGrad{}); }
Tensor exp(const Tensor& x) { return map(x, Exp{}); }
Tensor log(const Tensor& x) { return map(x, Log{}); }
Tensor sqrt(const Tensor& x) { return map(x, Sqrt{}); }

void add_into(Tensor& acc, const Tensor& x) {
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* sum = acc.data<T>();
    const T* term = x.data<T>();
    const auto kernel = SELECT_ISA(add_into<T>);
    parallel_for(x.numel(), elementwise_grain, [&](int64_t begin, int64_t end) { kernel(sum + begin, term + begin, end - begin); });
  });
}

Tensor cast(const Tensor& x, Dtype dtype) {
  if (dtype == x.dtype()) return x.clone();
  switch (dtype) {
    case Dtype::f32:
      return cast_to<float>(x);
    case Dtype::f64:
      return cast_to<double>(x);
    case Dtype::bf16:
      return cast_to<bfloat16>(x);
    default:
      throw Error(fmt::format("cast to {}: only f32, f64 and bf16 are cast to", name(dtype)), __FILE__, __LINE__);
  }
}

bool all_finite(const Tensor& x) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    using Word = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    const T* in = x.data<T>();
    const auto kernel = SELECT_ISA(not_finite<T, Word>);
    std::vector<Word> found(static_cast<size_t>(ceil_div(x.numel(), elementwise_grain)));
    parallel_for(x.numel(), elementwise_grain,
                 [&](int64_t begin, int64_t end) { found[begin / elementwise_grain] = kernel(in + begin, end - begin); });
    Word any = 0;
    for (const Word word : found) any |= word;
    return any == 0;
  });
}

}  // namespace cpu

#define CHECKED_BINARY(op_)                      \
  Tensor op_(const Tensor& a, const Tensor& b) { \
    check_same(#op_, {"a", a}, {"b", b});        \
    DISPATCH_DEVICE(a, op_, a, b);               \
  }
CHECKED_BINARY(add)
CHECKED_BINARY(subtract)
CHECKED_BINARY(multiply)
CHECKED_BINARY(divide)
#undef CHECKED_BINARY

Tensor scale(const Tensor& x, double factor) { DISPATCH_DEVICE(x, scale, x, factor); }
Tensor add_scalar(const Tensor& x, double term) { DISPATCH_DEVICE(x, add_scalar, x, term); }
Tensor relu(const Tensor& x) { DISPATCH_DEVICE(x, relu, x); }
Tensor relu_grad(const Tensor& y, const Tensor& dy) {
  check_same("relu_grad", {"y", y}, {"dy", dy});
  DISPATCH_DEVICE(y, relu_grad, y, dy);
}
Tensor exp(const Tensor& x) { DISPATCH_DEVICE(x, exp, x); }
Tensor log(const Tensor& x) { DISPATCH_DEVICE(x, log, x); }
Tensor sqrt(const Tensor& x) { DISPATCH_DEVICE(x, sqrt, x); }
void add_into(Tensor& acc, const Tensor& x) {
  check_same("add_into", {"acc", acc}, {"x", x});
  DISPATCH_DEVICE(x, add_into, acc, x);
}
Tensor cast(const Tensor& x, Dtype dtype) { DISPATCH_DEVICE(x, cast, x, dtype); }
bool all_finite(const Tensor& x) { DISPATCH_DEVICE(x, all_finite, x); }

}  // namespace tensor::ops
