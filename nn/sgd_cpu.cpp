// parallel a thread owns a block of elements of w and v: no race, the same bits for any number of threads
// numerics in the dtype of w, as PyTorch
#include "nn/sgd.h"
#include "tensor/parallel.h"

namespace nn::cpu {
namespace {

template <class T, bool first, bool nesterov>
void update(Tensor& w, Tensor& v, const Tensor& dw, const SgdUpdate<T, first, nesterov>& rule) {
  T *w_data = w.data<T>(), *v_data = v.data<T>();
  const T* dw_data = dw.data<T>();
  tensor::parallel_for(w.numel(), tensor::elementwise_grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) rule(w_data[i], v_data[i], dw_data[i]);
  });
}

}  // namespace

void sgd_update(Tensor& w, Tensor& v, const Tensor& dw, const SgdOptions& options, bool first) {
  dispatch_sgd(w.dtype(), options, first, [&](const auto& rule) { update(w, v, dw, rule); });
}

}  // namespace nn::cpu
