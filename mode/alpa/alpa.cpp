#include "mode/alpa/alpa.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops.h"
#include "tensor/ops/elementwise.h"

namespace mode {
namespace {

/// S + S^T.
Tensor symmetric_sum(const Tensor& s) {
  const int64_t n = s.dim(0);
  Tensor y(s.shape(), s.dtype());
  tensor::dispatch_floating(s.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = s.data<T>();
    T* to = y.data<T>();
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) to[i * n + j] = from[i * n + j] + from[j * n + i];
  });
  return y;
}

}  // namespace

const std::vector<std::pair<std::string, AlpaAggregate>>& alpa_aggregates() {
  static const std::vector<std::pair<std::string, AlpaAggregate>> aggregates = {
      {"mean", AlpaAggregate::mean}, {"max", AlpaAggregate::max}, {"sum", AlpaAggregate::sum}, {"logsum", AlpaAggregate::logsum}};
  return aggregates;
}

// derivation of alpa
//   y = S + S^T, S[i,j] = agg_r cos(v_i[r], z[r]), z = A v_j, A = softmax_rows(q_i k_j^T / sqrt C)
//   dq_i += da k_j / sqrt C; da = A (dA - rowsum(dA A)), dA = dz v_j^T, dz[r] = dc[r] (v_i[r]/|v_i[r]| - c[r] z[r]/|z[r]|) / |z[r]|
//   dk_j += da^T q_i / sqrt C
//   dv_j += A^T dz;  dv_i[r] += dc[r] (z[r]/|z[r]| - c[r] v_i[r]/|v_i[r]|) / |v_i[r]|;  dc = d agg of dS = dy + dy^T
Variable alpa_similarity(const Variable& q, const Variable& k, const Variable& v, AlpaAggregate aggregate) {
  const Tensor s = symmetric_sum(alpa_pairs(q.value(), k.value(), v.value(), aggregate));
  return autograd::record("alpa", s, {q, k, v},
                          [q = q.value(), k = k.value(), v = v.value(), aggregate](const Tensor& ds, const autograd::Needs&) {
                            AlpaGradients d = alpa_pairs_grad(q, k, v, aggregate, symmetric_sum(ds));
                            return autograd::Gradients{d.dq, d.dk, d.dv};
                          });
}

namespace naive {
namespace {

using autograd::reshape;
using tensor::Shape;
using tensor::ops::Transpose;

/// A constant of the graph, filled by value(row, column).
template <class Value>
Variable constant(int64_t rows, int64_t columns, tensor::Dtype dtype, const Value& value) {
  std::vector<double> values;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) values.push_back(value(row, column));
  const Tensor exact = Tensor::from(values, Shape{rows, columns});
  return Variable(dtype == tensor::Dtype::f64 ? exact : tensor::ops::cast(exact, dtype));
}

/// Row norms, and 1 in place of those below 1e-8; keep[row] says which were not.
struct Norms {
  Variable norm, keep;
};
Norms norms_of(const Variable& x) {
  const Variable squares = autograd::sum(x * x, -1);
  const std::vector<double> values = squares.value().to_vector();
  const auto rows = static_cast<int64_t>(values.size());
  const auto is_kept = [&](int64_t row) { return values[row] >= 1e-16; };
  const auto dtype = x.value().dtype();
  const Variable keep = reshape(constant(rows, 1, dtype, [&](int64_t row, int64_t) { return is_kept(row) ? 1.0 : 0.0; }), {rows});
  const Variable lift = reshape(constant(rows, 1, dtype, [&](int64_t row, int64_t) { return is_kept(row) ? 0.0 : 1.0; }), {rows});
  return {autograd::sqrt(squares * keep + lift), keep};
}

/// (N, R) -> (N).
Variable aggregated(const Variable& cosine, AlpaAggregate aggregate) {
  const int64_t regions = cosine.shape()[1];
  switch (aggregate) {
    case AlpaAggregate::mean:
      return autograd::scale(autograd::sum(cosine, -1), 1.0 / static_cast<double>(regions));
    case AlpaAggregate::sum:
      return autograd::sum(cosine, -1);
    case AlpaAggregate::logsum:
      return autograd::scale(autograd::log(autograd::sum(autograd::exp(autograd::scale(cosine, 6)), -1)), 1.0 / 6);
    case AlpaAggregate::max:
      break;
  }
  const std::vector<double> values = cosine.value().to_vector();
  const auto is_largest = [&](int64_t row, int64_t column) {
    const auto begin = values.begin() + row * regions;
    return std::max_element(begin, begin + regions) == begin + column ? 1.0 : 0.0;
  };
  return autograd::sum(cosine * constant(cosine.shape()[0], regions, cosine.value().dtype(), is_largest), -1);
}

}  // namespace

Variable alpa_similarity(const Variable& q, const Variable& k, const Variable& v, AlpaAggregate aggregate) {
  const int64_t n = q.shape()[0], regions = q.shape()[1], width = q.shape()[2], rows = n * regions;
  const auto dtype = q.value().dtype();
  const Variable values = reshape(v, {rows, width});
  const Variable scores = autograd::matmul(reshape(q, {rows, width}), reshape(k, {rows, width}), Transpose::no, Transpose::yes);
  const Variable attention = reshape(
      autograd::softmax(reshape(autograd::scale(scores, 1 / std::sqrt(static_cast<double>(width))), {rows * n, regions})), {rows, rows});
  const Norms anchor = norms_of(values);
  Variable s;
  for (int64_t j = 0; j < n; ++j) {
    const Variable of_j = constant(rows, rows, dtype, [&](int64_t, int64_t column) { return column / regions == j ? 1.0 : 0.0; });
    const Variable resampled = autograd::matmul(attention * of_j, values);  // v_{j|i}, for all i
    const Norms norm = norms_of(resampled);
    const Variable cosine = autograd::divide(autograd::sum(values * resampled, -1) * anchor.keep * norm.keep, anchor.norm * norm.norm);
    const Variable column = reshape(aggregated(reshape(cosine, {n, regions}), aggregate), {n, 1});
    const Variable place = constant(1, n, dtype, [&](int64_t, int64_t at) { return at == j ? 1.0 : 0.0; });
    const Variable both = autograd::matmul(column, place) + autograd::matmul(place, column, Transpose::yes, Transpose::yes);
    s = s.defined() ? s + both : both;
  }
  return s;
}

}  // namespace naive

}  // namespace mode
