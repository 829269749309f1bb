// parallel a thread owns its elements of w and v: no two threads write one element
// numerics in the dtype of w, as PyTorch

#include "tensor/cuda/runtime.h"

#include "nn/sgd.h"
#include "tensor/ops/column_tiles.h"

namespace nn::cuda {
namespace {

template <class T, class Rule>
struct Update {
  T *w, *v;
  const T* dw;
  Rule rule;
  __device__ void operator()(int64_t i, int64_t) const { rule(w[i], v[i], dw[i]); }
};

template <class T, bool first, bool nesterov>
void update(Tensor& w, Tensor& v, const Tensor& dw, const SgdUpdate<T, first, nesterov>& rule) {
  using Kernel = Update<T, SgdUpdate<T, first, nesterov>>;
  tensor::ops::cuda::for_each_element(w.numel(), 1, w.device(), Kernel{w.data<T>(), v.data<T>(), dw.data<T>(), rule});
}

}  // namespace

void sgd_update(Tensor& w, Tensor& v, const Tensor& dw, const SgdOptions& options, bool first) {
  dispatch_sgd(w.dtype(), options, first, [&](const auto& rule) { update(w, v, dw, rule); });
}

}  // namespace nn::cuda
