// cost     as in cross_entropy.h; scratch 8 bytes per row
// parallel a team of neighboring threads owns a row, a thread of it every width-th element; the losses of the rows go to their own places
//          and are added by the launches of mean
// numerics as in cross_entropy.h. dloss is read on the device, so that no one waits for it

#include "tensor/cuda/runtime.h"

#include <cmath>

#include "tensor/ops/column_tiles.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/elementwise_functors.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/row_teams.h"

namespace tensor::ops::cuda {
namespace {

constexpr int threads = RowTeams::threads;

template <class T>
__global__ void __launch_bounds__(threads, RowTeams::least_blocks)
    row_losses(const T* x, const int64_t* labels, RowTeams teams, double label_smoothing, T* probabilities, double* losses) {
  const T* in = x + teams.row() * teams.columns;
  T* out = probabilities + teams.row() * teams.columns;
  const T largest = teams.maximum(in);
  const double sum = teams.sum([&](int64_t c) { return out[c] = Exp{}(in[c] - largest); });
  const T factor = static_cast<T>(1 / sum);
  for (int64_t c = teams.first(); c < teams.end(); c += teams.width) out[c] = factor * out[c];
  const double total = label_smoothing == 0 ? 0 : teams.sum([&](int64_t c) { return in[c]; });  // every thread calls it: sums have barriers
  if (!teams.writes()) return;
  const double of_label = static_cast<double>(in[labels[teams.row()]]);
  double loss = std::log(sum) + (static_cast<double>(largest) - of_label);
  if (label_smoothing != 0) loss += label_smoothing * (of_label - total / static_cast<double>(teams.columns));
  losses[teams.row()] = loss;
}

template <class T>
struct Gradient {
  const T *probabilities, *dloss;
  const int64_t* labels;
  int64_t rows, classes;
  T others, own;  // t at the other classes, and at the label
  T* dx;
  __device__ void operator()(int64_t r, int64_t c) const {
    const T factor = static_cast<T>(static_cast<double>(*dloss) / static_cast<double>(rows));
    dx[r * classes + c] = CrossEntropyGrad<T>{factor}(probabilities[r * classes + c], c == labels[r] ? own : others);
  }
};

}  // namespace

CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  const RowTeams teams(logits.dim(0), logits.dim(1));
  Tensor probabilities(logits.shape(), logits.dtype(), logits.device()), losses({teams.rows}, Dtype::f64, logits.device());
  dispatch_floating(logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    tensor::cuda::launch(row_losses<T>, teams.grid(), threads, 0, tensor::cuda::stream_of(logits.device()), logits.data<T>(),
                         labels.data<int64_t>(), teams, label_smoothing, probabilities.data<T>(), losses.data<double>());
  });
  return {cast(mean(losses), logits.dtype()), probabilities};
}

Tensor cross_entropy_grad(const Tensor& probabilities, const Tensor& labels, const Tensor& dloss, double label_smoothing) {
  const int64_t rows = probabilities.dim(0), classes = probabilities.dim(1);
  Tensor dx(probabilities.shape(), probabilities.dtype(), probabilities.device());
  dispatch_floating(probabilities.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T others = static_cast<T>(label_smoothing / static_cast<double>(classes)), own = T(1) - static_cast<T>(label_smoothing) + others;
    for_each_element(
        rows, classes, probabilities.device(),
        Gradient<T>{probabilities.data<T>(), dloss.data<T>(), labels.data<int64_t>(), rows, classes, others, own, dx.data<T>()});
  });
  return dx;
}

}  // namespace tensor::ops::cuda
