// cost     as in l2_normalize.h
// parallel a team of neighboring threads owns a row, a thread of it every width-th element: no two write one place
// numerics as in l2_normalize.h; sums in a tree

#include "tensor/cuda/runtime.h"

#include <cmath>

#include "tensor/ops/elementwise_functors.h"
#include "tensor/ops/l2_normalize.h"
#include "tensor/ops/matrix_view.h"
#include "tensor/ops/row_teams.h"

namespace tensor::ops::cuda {
namespace {

using tensor::cuda::launch;
using tensor::cuda::stream_of;

constexpr int threads = RowTeams::threads;

template <class T>
__device__ double product(const RowTeams& teams, const T* a, const T* b) {
  return teams.sum([&](int64_t c) { return static_cast<double>(a[c]) * static_cast<double>(b[c]); });
}

template <class T>
__global__ void __launch_bounds__(threads) normalize_rows(const T* x, RowTeams teams, double eps, T* y, T* norm) {
  const int64_t begin = teams.row() * teams.columns;
  const double length = std::sqrt(product(teams, x + begin, x + begin));
  const T factor = static_cast<T>(1 / (length + eps));
  if (teams.writes()) norm[teams.row()] = static_cast<T>(length);
  for (int64_t c = teams.first(); c < teams.end(); c += teams.width) y[begin + c] = factor * x[begin + c];
}

template <class T>
__global__ void __launch_bounds__(threads) normalize_rows_grad(const T* x, const T* norm, const T* dy, RowTeams teams, double eps, T* dx) {
  const int64_t begin = teams.row() * teams.columns;
  const double dot = product(teams, x + begin, dy + begin);
  const double length = teams.row() < teams.rows ? static_cast<double>(norm[teams.row()]) : 1, inverse = 1 / (length + eps);
  const L2NormalizeGrad<T> gradient{static_cast<T>(inverse), static_cast<T>(length != 0 ? dot / length * inverse * inverse : 0)};
  for (int64_t c = teams.first(); c < teams.end(); c += teams.width) dx[begin + c] = gradient(dy[begin + c], x[begin + c]);
}

}  // namespace

L2NormalizeResult l2_normalize(const Tensor& x, double eps) {
  const auto [rows, columns] = as_matrix(x);
  L2NormalizeResult result = {Tensor(x.shape(), x.dtype(), x.device()), Tensor(without_last_axis(x.shape()), x.dtype(), x.device())};
  if (rows == 0) return result;
  const RowTeams teams(rows, columns);
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(normalize_rows<T>, teams.grid(), threads, 0, stream_of(x.device()), x.data<T>(), teams, eps, result.y.data<T>(),
           result.norm.data<T>());
  });
  return result;
}

Tensor l2_normalize_grad(const Tensor& x, const Tensor& norm, const Tensor& dy, double eps) {
  const auto [rows, columns] = as_matrix(x);
  Tensor dx(x.shape(), x.dtype(), x.device());
  if (rows == 0) return dx;
  const RowTeams teams(rows, columns);
  dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(normalize_rows_grad<T>, teams.grid(), threads, 0, stream_of(x.device()), x.data<T>(), norm.data<T>(), dy.data<T>(), teams, eps,
           dx.data<T>());
  });
  return dx;
}

}  // namespace tensor::ops::cuda
