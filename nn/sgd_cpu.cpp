// maths    g = dw + weight_decay * w;   v = first ? g : momentum * v + g;   w -= lr * (nesterov ? g + momentum * v : v)
// shapes   w, v, dw alike; f32 and f64
// cost     6 flop per element; reads w, v, dw once, writes w, v once; no scratch; memory-bound
// parallel a block owns its elements of w and v; nothing is shared, so no race and the same bits for any number of threads
// numerics in the dtype of w, as PyTorch; v is not read when `first`, so it may hold anything then
#include "nn/sgd.h"
#include "tensor/parallel.h"

namespace nn {
namespace {

template <class T, bool first, bool nesterov>
void update_block(T* w, T* v, const T* dw, int64_t begin, int64_t end, T lr, T momentum, T weight_decay) {
  for (int64_t i = begin; i < end; ++i) {
    const T g = dw[i] + weight_decay * w[i];
    const T velocity = first ? g : momentum * v[i] + g;
    v[i] = velocity;
    w[i] -= lr * (nesterov ? g + momentum * velocity : velocity);
  }
}

}  // namespace

namespace cpu {

void sgd_update(Tensor& w, Tensor& v, const Tensor& dw, const SgdOptions& options, bool first) {
  tensor::dispatch_floating(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* w_data = w.data<T>();
    T* v_data = v.data<T>();
    const T* dw_data = dw.data<T>();
    const T lr = static_cast<T>(options.lr), momentum = static_cast<T>(options.momentum), decay = static_cast<T>(options.weight_decay);
    const auto block = first ? (options.nesterov ? update_block<T, true, true> : update_block<T, true, false>)
                             : (options.nesterov ? update_block<T, false, true> : update_block<T, false, false>);
    tensor::parallel_for(w.numel(), tensor::elementwise_grain,
                         [&](int64_t begin, int64_t end) { block(w_data, v_data, dw_data, begin, end, lr, momentum, decay); });
  });
}

}  // namespace cpu

void sgd_update(Tensor& w, Tensor& v, const Tensor& dw, const SgdOptions& options, bool first) {
  tensor::check_same("sgd_update", {"w", w}, {"dw", dw});
  tensor::check_same("sgd_update", {"w", w}, {"v", v});
  DISPATCH_DEVICE(w, sgd_update, w, v, dw, options, first);
}

}  // namespace nn
