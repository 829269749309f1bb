// maths    g = dw + weight_decay * w;   v = first ? g : momentum * v + g;   w -= lr * (nesterov ? g + momentum * v : v)
// shapes   w, v, dw alike; f32 and f64
// cost     6 flop per element; reads w, v, dw once, writes w, v once; no scratch; memory-bound
// parallel a thread owns its elements of w and v; nothing is shared
// numerics in the dtype of w, as PyTorch; v is not read when `first`, so it may hold anything then

#include "tensor/cuda/runtime.h"

#include "nn/sgd.h"
#include "tensor/ops/column_tiles.h"

namespace nn::cuda {
namespace {

template <class T, bool first, bool nesterov>
struct Update {
  T *w, *v;
  const T* dw;
  T lr, momentum, weight_decay;
  __device__ void operator()(int64_t i, int64_t) const {
    const T g = dw[i] + weight_decay * w[i];
    const T velocity = first ? g : momentum * v[i] + g;
    v[i] = velocity;
    w[i] -= lr * (nesterov ? g + momentum * velocity : velocity);
  }
};

template <class T, bool first, bool nesterov>
void update(Tensor& w, Tensor& v, const Tensor& dw, const SgdOptions& options) {
  const T lr = static_cast<T>(options.lr), momentum = static_cast<T>(options.momentum), decay = static_cast<T>(options.weight_decay);
  tensor::ops::cuda::for_each_element(w.numel(), 1, w.device(),
                                      Update<T, first, nesterov>{w.data<T>(), v.data<T>(), dw.data<T>(), lr, momentum, decay});
}

}  // namespace

void sgd_update(Tensor& w, Tensor& v, const Tensor& dw, const SgdOptions& options, bool first) {
  tensor::dispatch_floating(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto run = first ? (options.nesterov ? update<T, true, true> : update<T, true, false>)
                           : (options.nesterov ? update<T, false, true> : update<T, false, false>);
    run(w, v, dw, options);
  });
}

}  // namespace nn::cuda
