// cost     as in elementwise.h
// parallel a block of elementwise_grain elements is written by one thread
// numerics one operation and one rounding per element (exp: see exp.h)

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
  Tensor y(x.shape(), dtype, x.device());
  dispatch_cast(dtype, x.dtype(), [&](auto to, auto from) {
    using To = decltype(to);
    run_unary<To, decltype(from)>(x, y, Cast<To>{});
  });
  return y;
}

bool all_finite(const Tensor& x) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    using Word = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    const T* in = x.data<T>();
    const auto kernel = SELECT_ISA(not_finite<T, Word>);
    std::vector<Word> found(ceil_div(x.numel(), elementwise_grain));
    parallel_for(x.numel(), elementwise_grain,
                 [&](int64_t begin, int64_t end) { found[begin / elementwise_grain] = kernel(in + begin, end - begin); });
    Word any = 0;
    for (const Word word : found) any |= word;
    return any == 0;
  });
}

}  // namespace cpu

}  // namespace tensor::ops
