// cost     as in elementwise.h
// parallel a thread owns the packs of 16 bytes number t, t + all threads, ..: no two write one place
// numerics one operation and one rounding per element (exp: see exp.h)

#include "tensor/cuda/runtime.h"

#include "tensor/math.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/elementwise_functors.h"
#include "tensor/ops/staircase.h"

namespace tensor::ops::cuda {
namespace {

using tensor::cuda::launch;
using tensor::cuda::Pack;
using tensor::cuda::stream_of;

constexpr int threads = 256;
constexpr int64_t most_blocks = 2048;  // several for each multiprocessor of a large device

// Step 1.
template <class To, class Function, class... From>
__global__ void __launch_bounds__(threads) map_element(int64_t n, Function function, To* y, const From*... x) {
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i < n) y[i] = function(x[i]...);
}

// Step 2.
template <class To, class Function, class... From>
__global__ void __launch_bounds__(threads) map_stride(int64_t n, Function function, To* y, const From*... x) {
  const int64_t all_threads = int64_t{gridDim.x} * threads;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += all_threads) y[i] = function(x[i]...);
}

// Step 3: a warp's instruction moves 512 bytes, so fewer of them keep the memory busy. The elements after the last pack go one by one.
template <int width, class To, class Function, class... From>
__global__ void __launch_bounds__(threads) map_packs(int64_t n, Function function, To* y, const From*... x) {
  const auto of_pack = [&](const Pack<From, width>... in) {  // by value: one wide load
    Pack<To, width> out;
#pragma unroll
    for (int k = 0; k < width; ++k) out.values[k] = function(in.values[k]...);
    return out;
  };
  const int64_t first = int64_t{blockIdx.x} * threads + threadIdx.x, all_threads = int64_t{gridDim.x} * threads, packs = n / width;
  for (int64_t i = first; i < packs; i += all_threads)
    reinterpret_cast<Pack<To, width>*>(y)[i] = of_pack(reinterpret_cast<const Pack<From, width>*>(x)[i]...);
  for (int64_t i = packs * width + first; i < n; i += all_threads) y[i] = function(x[i]...);
}

template <class T>
__global__ void __launch_bounds__(threads) find_not_finite(int64_t n, const T* x, int* found) {
  const int64_t all_threads = int64_t{gridDim.x} * threads;
  bool any = false;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += all_threads) any |= !(x[i] - x[i] == 0);
  // Every order of "or" gives the same, and where all is finite no thread comes here.
  if (any) atomicExch(found, 1);
}

enum class Step { thread_per_element, grid_stride, packs };

/// y = function(x...), all of y's length. A row of a view may start anywhere: without 16-byte alignment the packs fall back to step 2.
template <class To, class Function, class... From>
void run(Step step, Tensor& y, Function function, const From*... x) {
  constexpr size_t sizes[] = {sizeof(To), sizeof(From)...};
  constexpr size_t widest = [&] {
    size_t most = 0;
    for (const size_t size : sizes) most = size > most ? size : most;
    return most;
  }();
  constexpr int width = 16 / static_cast<int>(widest);
  const int64_t n = y.numel();
  if (n == 0) return;
  To* out = y.data<To>();
  const auto aligned = [](const void* address, size_t bytes) { return reinterpret_cast<uintptr_t>(address) % bytes == 0; };
  if (step == Step::packs && !(aligned(out, sizeof(To) * width) && (aligned(x, sizeof(From) * width) && ...))) step = Step::grid_stride;
  const auto stream = stream_of(y.device());
  switch (step) {
    case Step::thread_per_element:
      return launch(map_element<To, Function, From...>, ceil_div(n, threads), threads, 0, stream, n, function, out, x...);
    case Step::grid_stride:
      return launch(map_stride<To, Function, From...>, std::min(ceil_div(n, threads), most_blocks), threads, 0, stream, n, function, out,
                    x...);
    case Step::packs:
      return launch(map_packs<width, To, Function, From...>, std::min(ceil_div(ceil_div(n, width), threads), most_blocks), threads, 0,
                    stream, n, function, out, x...);
  }
}

template <class Function>
Tensor map(const Tensor& x, Function function, Step step = Step::packs) {
  Tensor y(x.shape(), x.dtype(), x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    run<T>(step, y, function, x.data<T>());
  });
  return y;
}

template <class Function>
Tensor map(const Tensor& a, const Tensor& b, Function function, Step step = Step::packs) {
  Tensor y(a.shape(), a.dtype(), a.device());
  dispatch_floating(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    run<T>(step, y, function, a.data<T>(), b.data<T>());
  });
  return y;
}

}  // namespace

namespace steps {
Tensor add_thread_per_element(const Tensor& a, const Tensor& b) { return map(a, b, Add{}, Step::thread_per_element); }
Tensor exp_thread_per_element(const Tensor& x) { return map(x, Exp{}, Step::thread_per_element); }
Tensor add_grid_stride(const Tensor& a, const Tensor& b) { return map(a, b, Add{}, Step::grid_stride); }
Tensor exp_grid_stride(const Tensor& x) { return map(x, Exp{}, Step::grid_stride); }
}  // namespace steps

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
    const T* before = acc.data<T>();
    run<T>(Step::packs, acc, Add{}, before, x.data<T>());
  });
}

Tensor cast(const Tensor& x, Dtype dtype) {
  Tensor y(x.shape(), dtype, x.device());
  dispatch_cast(dtype, x.dtype(), [&](auto to, auto from) {
    using To = decltype(to);
    run<To>(Step::packs, y, Cast<To>{}, x.data<decltype(from)>());
  });
  return y;
}

bool all_finite(const Tensor& x) {
  Tensor found = Tensor::zeros({}, Dtype::i32, x.device());
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const int64_t n = x.numel();
    if (n > 0)
      launch(find_not_finite<T>, std::min(ceil_div(n, threads), most_blocks), threads, 0, stream_of(x.device()), n, x.data<T>(),
             found.data<int32_t>());
  });
  return found.item() == 0;
}

}  // namespace tensor::ops::cuda
