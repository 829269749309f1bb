// cost     as in softmax.h
// parallel a team of neighboring threads owns a row, a thread of it every width-th element: no two write one place
// numerics as in softmax.h; sums in a tree

#include "tensor/cuda/runtime.h"

#include <cmath>

#include "tensor/ops/elementwise_functors.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/ops/row_teams.h"
#include "tensor/ops/softmax.h"

namespace tensor::ops::cuda {
namespace {

using tensor::cuda::launch;
using tensor::cuda::stream_of;

constexpr int threads = RowTeams::threads;

template <class T>
__global__ void __launch_bounds__(threads, RowTeams::least_blocks) softmax_rows(const T* x, RowTeams teams, T* y) {
  const T* in = x + teams.row() * teams.columns;
  T* out = y + teams.row() * teams.columns;
  const T largest = teams.maximum(in);
  const double sum = teams.sum([&](int64_t c) { return out[c] = Exp{}(in[c] - largest); });
  const T factor = static_cast<T>(1 / sum);
  for (int64_t c = teams.first(); c < teams.end(); c += teams.width) out[c] = factor * out[c];
}

template <class T>
__global__ void __launch_bounds__(threads, RowTeams::least_blocks) softmax_grad_rows(const T* y, const T* dy, RowTeams teams, T* dx) {
  const int64_t begin = teams.row() * teams.columns;
  const double dot = teams.sum([&](int64_t c) { return static_cast<double>(y[begin + c]) * static_cast<double>(dy[begin + c]); });
  const SoftmaxGrad<T> gradient{static_cast<T>(dot)};
  for (int64_t c = teams.first(); c < teams.end(); c += teams.width) dx[begin + c] = gradient(y[begin + c], dy[begin + c]);
}

template <class T>
__global__ void __launch_bounds__(threads, RowTeams::least_blocks) log_softmax_rows(const T* x, RowTeams teams, T* y) {
  const int64_t begin = teams.row() * teams.columns;
  const T largest = teams.maximum(x + begin);
  const double sum = teams.sum([&](int64_t c) { return Exp{}(x[begin + c] - largest); });
  const T log_sum = static_cast<T>(std::log(sum));
  for (int64_t c = teams.first(); c < teams.end(); c += teams.width) y[begin + c] = (x[begin + c] - largest) - log_sum;
}

template <class T>
__global__ void __launch_bounds__(threads, RowTeams::least_blocks) log_softmax_grad_rows(const T* y, const T* dy, RowTeams teams, T* dx) {
  const int64_t begin = teams.row() * teams.columns;
  const LogSoftmaxGrad<T> gradient{static_cast<T>(teams.sum([&](int64_t c) { return dy[begin + c]; }))};
  for (int64_t c = teams.first(); c < teams.end(); c += teams.width) dx[begin + c] = gradient(y[begin + c], dy[begin + c]);
}

/// kernel(inputs..., teams, y) with a team for each row of the inputs; y and all inputs have one shape and dtype.
template <class Kernel, class... Inputs>
Tensor by_rows(const Kernel& kernel_of, const Tensor& x, const Inputs&... more) {
  const auto [rows, columns] = as_matrix(x);
  Tensor y(x.shape(), x.dtype(), x.device());
  if (rows == 0) return y;
  const RowTeams teams(rows, columns);
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(kernel_of(zero), teams.grid(), threads, 0, stream_of(x.device()), x.data<T>(), more.template data<T>()..., teams, y.data<T>());
  });
  return y;
}

}  // namespace

Tensor softmax(const Tensor& x) {
  return by_rows([](auto zero) { return softmax_rows<decltype(zero)>; }, x);
}
Tensor softmax_grad(const Tensor& y, const Tensor& dy) {
  return by_rows([](auto zero) { return softmax_grad_rows<decltype(zero)>; }, y, dy);
}
Tensor log_softmax(const Tensor& x) {
  return by_rows([](auto zero) { return log_softmax_rows<decltype(zero)>; }, x);
}
Tensor log_softmax_grad(const Tensor& y, const Tensor& dy) {
  return by_rows([](auto zero) { return log_softmax_grad_rows<decltype(zero)>; }, y, dy);
}

}  // namespace tensor::ops::cuda
