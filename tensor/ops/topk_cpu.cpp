// maths    values[r,0..k) = the k largest (smallest) of x[r,:] in order, indices their columns
// shapes   x (.., C) -> values, indices (.., k); f32 and f64
// cost     a comparison per element, an insertion of up to k moves for each that enters: about k log(C / k) do when the order is random
// parallel a block of rows is written by one thread
// numerics exact; equal values in order of their index, NaN after all numbers

#include "tensor/ops/topk.h"

#include <algorithm>
#include <numeric>

#include "tensor/ops/matrix_view.h"
#include "tensor/parallel.h"

namespace tensor::ops {
namespace {

/// Whether `a` stands before `b`, both orders; NaN stands before nothing.
template <class T>
bool before(T a, T b, Order order) {
  if (b != b) return a == a;
  return order == Order::largest ? a > b : a < b;
}

template <class T>
void topk_row(const T* row, int64_t columns, int64_t k, Order order, T* values, int64_t* indices) {
  int64_t held = 0;
  for (int64_t c = 0; c < columns; ++c) {
    if (held == k && !before(row[c], values[k - 1], order)) continue;
    int64_t at = held < k ? held++ : k - 1;
    for (; at > 0 && before(row[c], values[at - 1], order); --at) {
      values[at] = values[at - 1];
      indices[at] = indices[at - 1];
    }
    values[at] = row[c];
    indices[at] = c;
  }
}

void check(const Tensor& x, int64_t k) {
  const int64_t columns = as_matrix(x).columns;
  CHECK(k >= 1 && k <= columns, "topk: k = {}; expected 1 to {}, the columns of {}", k, columns, x.shape().to_string());
}

}  // namespace

TopkResult empty_topk(const Tensor& x, int64_t k) {
  Shape shape = without_last_axis(x.shape());
  shape.push_back(k);
  return {Tensor(shape, x.dtype(), x.device()), Tensor(shape, Dtype::i64, x.device())};
}

namespace cpu {

TopkResult topk(const Tensor& x, int64_t k, Order order) {
  const auto [rows, columns] = as_matrix(x);
  TopkResult result = empty_topk(x, k);
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* values = result.values.data<T>();
    int64_t* indices = result.indices.data<int64_t>();
    parallel_for(rows, rows_per_block(columns), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) topk_row(in + r * columns, columns, k, order, values + r * k, indices + r * k);
    });
  });
  return result;
}

}  // namespace cpu

TopkResult topk(const Tensor& x, int64_t k, Order order) {
  check(x, k);
  DISPATCH_DEVICE(x, topk, x, k, order);
}

namespace naive {

TopkResult topk(const Tensor& x, int64_t k, Order order) {
  check(x, k);
  const auto [rows, columns] = as_matrix(x);
  TopkResult result = empty_topk(x, k);
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    std::vector<int64_t> sorted(static_cast<size_t>(columns));
    for (int64_t r = 0; r < rows; ++r) {
      const T* row = x.data<T>() + r * columns;
      std::iota(sorted.begin(), sorted.end(), 0);
      std::stable_sort(sorted.begin(), sorted.end(), [&](int64_t a, int64_t b) { return before(row[a], row[b], order); });
      for (int64_t i = 0; i < k; ++i) {
        const int64_t c = sorted[i];
        result.values.data<T>()[r * k + i] = row[c];
        result.indices.data<int64_t>()[r * k + i] = c;
      }
    }
  });
  return result;
}

}  // namespace naive
}  // namespace tensor::ops
