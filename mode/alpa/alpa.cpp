#include "mode/alpa/alpa.h"

#include "autograd/ops.h"
#include "tensor/check.h"
#include "tensor/device.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/l2_normalize.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/softmax.h"

namespace mode {

using tensor::Dtype;
using tensor::ops::Transpose;

const std::vector<std::pair<std::string, AlpaAggregate>>& alpa_aggregates() {
  static const std::vector<std::pair<std::string, AlpaAggregate>> aggregates = {
      {"mean", AlpaAggregate::mean}, {"max", AlpaAggregate::max}, {"sum", AlpaAggregate::sum}, {"logsum", AlpaAggregate::logsum}};
  return aggregates;
}

namespace {

void check_arguments(const char* op, const Tensor& q, const Tensor& k, const Tensor& v) {
  tensor::check_rank(op, {"q", q}, 3, "(images, regions, width)");
  CHECK(q.numel() > 0, "{}: q has shape {}; it must have at least one image, one region and one channel", op, q.shape().to_string());
  tensor::check_floating(op, {"q", q});
  tensor::check_same(op, {"q", q}, {"k", k});
  tensor::check_same(op, {"q", q}, {"v", v});
}

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

Tensor alpa_pairs(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate) {
  check_arguments("alpa_pairs", q, k, v);
  DISPATCH_CPU(q, alpa_pairs, q, k, v, aggregate);
}

AlpaGradients alpa_pairs_grad(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate, const Tensor& ds) {
  check_arguments("alpa_pairs_grad", q, k, v);
  tensor::check_same_kind("alpa_pairs_grad", {"q", q}, {"ds", ds});
  tensor::check_shape("alpa_pairs_grad", {"ds", ds}, {q.dim(0), q.dim(0)});
  DISPATCH_CPU(q, alpa_pairs_grad, q, k, v, aggregate, ds);
}

// derivation of alpa
//   y = S + S^T, S[i,j] = agg_r c[r], c[r] = cos(a, z), a = v_i[r], z = v_j^T p, p = row r of A = softmax_rows(q_i k_j^T / sqrt C)
//   With w = v_j a (R) and G = v_j v_j^T (R, R) the resampled z is not needed: |z| = sqrt(p . G p), c = (p . w) / (|a| |z|).
//   With dS = dy + dy^T, dc[r] = dS[i,j] dagg/dc[r], x = dc / |z| and b = c / |z|:
//     dp = x (w / |a| - b G p),  dw = x p / |a|,  dG = -x b p p^T / 2,  and by the length of the anchor da = -dc c a / |a|^2.
//   c does not depend on |p|, so p . dp = 0. Softmax's backward p (dp - p . dp) is p dp, and p may stay exp(score - maximum), not divided.
//   dq_i[r] = sum_{j,t} (p dp)[t] k_j[t] / sqrt C
//   dk_j[t] = sum_{i,r} (p dp)[t] q_i[r] / sqrt C
//   dv_i[r] = sum_j (sum_t dw[t] v_j[t] + da) as the anchor of every image j
//     + sum over all anchors a of (dw[r] a + 2 (dG v_i)[r]) as the resampled image
Variable alpa_similarity(const Variable& q, const Variable& k, const Variable& v, AlpaAggregate aggregate) {
  const Tensor s = symmetric_sum(alpa_pairs(q.value(), k.value(), v.value(), aggregate));
  return autograd::record("alpa", s, {q, k, v},
                          [q = q.value(), k = k.value(), v = v.value(), aggregate](const Tensor& dy, const autograd::Needs&) {
                            AlpaGradients d = alpa_pairs_grad(q, k, v, aggregate, symmetric_sum(dy));
                            return autograd::Gradients{d.dq, d.dk, d.dv};
                          });
}

namespace naive {
namespace {

using autograd::reshape;
using tensor::Shape;

/// A constant (rows, columns) of value(row, column).
template <class Value>
Variable constant(int64_t rows, int64_t columns, tensor::Dtype dtype, const Value& value) {
  std::vector<double> values;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) values.push_back(value(row, column));
  const Tensor exact = Tensor::from(values, Shape{rows, columns});
  return Variable(dtype == tensor::Dtype::f64 ? exact : tensor::ops::cast(exact, dtype));
}

/// Row norms, with norms below 1e-8 replaced by 1; keep is 0 for those rows and 1 for the others.
struct Norms {
  Variable norm, keep;
};
Norms norms_of(const Variable& x) {
  const Variable squares = autograd::sum(x * x, -1);
  const std::vector<double> values = squares.value().to_vector();
  const auto rows = static_cast<int64_t>(values.size());
  const auto keeps = [&](int64_t row) { return values[row] >= alpa_smallest_norm * alpa_smallest_norm; };
  const auto dtype = x.value().dtype();
  const Variable keep = reshape(constant(rows, 1, dtype, [&](int64_t row, int64_t) { return keeps(row) ? 1.0 : 0.0; }), {rows});
  const Variable lift = reshape(constant(rows, 1, dtype, [&](int64_t row, int64_t) { return keeps(row) ? 0.0 : 1.0; }), {rows});
  return {autograd::sqrt(squares * keep + lift), keep};
}

/// (N, R) -> (N).
Variable aggregate_rows(const Variable& cosine, AlpaAggregate aggregate) {
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
    const Variable column = reshape(aggregate_rows(reshape(cosine, {n, regions}), aggregate), {n, 1});
    const Variable place = constant(1, n, dtype, [&](int64_t, int64_t at) { return at == j ? 1.0 : 0.0; });
    const Variable both = autograd::matmul(column, place) + autograd::matmul(place, column, Transpose::yes, Transpose::yes);
    s = s.defined() ? s + both : both;
  }
  return s;
}

}  // namespace naive

namespace {

/// Image i's rows (R, C) in double.
Tensor of_image(const Tensor& x, int64_t i) {
  const Tensor rows = x.rows(i, i + 1).reshape(tensor::Shape{x.dim(1), x.dim(2)});
  return x.dtype() == Dtype::f64 ? rows : tensor::ops::cast(rows, Dtype::f64);
}

double cosine(const double* a, const double* b, int64_t width) {
  double ab = 0, aa = 0, bb = 0;
  for (int64_t c = 0; c < width; ++c) {
    ab += a[c] * b[c];
    aa += a[c] * a[c];
    bb += b[c] * b[c];
  }
  return std::min(aa, bb) < alpa_smallest_norm * alpa_smallest_norm ? 0 : ab / std::sqrt(aa * bb);
}

}  // namespace

QueryKeyValue cosine_qkv(const Tensor& vectors, double temperature) {
  CHECK(temperature > 0 && std::isfinite(temperature), "cosine_qkv: temperature {}; expected a finite number above 0", temperature);
  CHECK(vectors.rank() == 3, "cosine_qkv: expected local vectors (N, R, E), got {}", vectors.shape().to_string());
  const Tensor unit = tensor::ops::l2_normalize(vectors).y;
  return {unit, unit, unit, 1 / temperature};
}

Attention attention_of(const QueryKeyValue& qkv, int64_t i, int64_t j, AlpaAggregate aggregate) {
  const Tensor& v = qkv.v;
  CHECK(v.rank() == 3 && qkv.q.shape() == v.shape() && qkv.k.shape() == v.shape() && v.dim(1) >= 1,
        "attention_of: expected q, k and v (N, R, C) of one shape, got {}, {} and {}", qkv.q.shape().to_string(), qkv.k.shape().to_string(),
        v.shape().to_string());
  CHECK(i >= 0 && i < v.dim(0) && j >= 0 && j < v.dim(0), "attention_of: images {} and {}, but there are {}; images count from 0", i, j,
        v.dim(0));
  const int64_t regions = v.dim(1), width = v.dim(2);
  const Tensor scores = tensor::ops::matmul(of_image(qkv.q, i), of_image(qkv.k, j), Transpose::no, Transpose::yes);
  Attention attention;
  attention.weights = tensor::ops::softmax(tensor::ops::scale(scores, qkv.scale));
  const Tensor anchors = of_image(v, i), resampled = tensor::ops::matmul(attention.weights, of_image(v, j));  // v_{j|i}
  std::vector<double> cosines;
  for (int64_t r = 0; r < regions; ++r)
    cosines.push_back(cosine(anchors.data<double>() + r * width, resampled.data<double>() + r * width, width));
  attention.cosines = Tensor::from(cosines, {regions});
  attention.similarity = aggregate_cosines(cosines.data(), regions, aggregate);
  return attention;
}

Tensor attended_regions(const Attention& attention) {
  const int64_t regions = attention.weights.dim(0);
  const double* weights = attention.weights.data<double>();
  std::vector<double> counts;
  for (int64_t r = 0; r < regions; ++r) {
    double entropy = 0;
    for (int64_t at = 0; at < regions; ++at) {
      const double weight = weights[r * regions + at];
      if (weight > 0) entropy -= weight * std::log(weight);
    }
    counts.push_back(std::exp(entropy));
  }
  return Tensor::from(counts, {regions});
}

}  // namespace mode
