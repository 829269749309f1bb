#include "mode/alpa/attention.h"

#include <algorithm>
#include <cmath>

#include "tensor/check.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/l2_normalize.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/softmax.h"

namespace mode {
namespace {

using tensor::Dtype;

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

LocalVectors alpa_vectors(const AlpaHeads& heads, const Tensor& regions) {
  const autograd::NoGrad no_grad;
  const AlpaHeads::Vectors of = heads.vectors(Variable(regions));
  const double width = static_cast<double>(of.query.shape()[2]);
  return {of.query.value().to({}), of.key.value().to({}), of.value.value().to({}), 1 / std::sqrt(width)};
}

LocalVectors plain_vectors(const Tensor& regions, double temperature) {
  CHECK(temperature > 0 && std::isfinite(temperature), "a temperature of {}; it must be finite and above 0", temperature);
  CHECK(regions.rank() == 3, "plain_vectors: expected regions (N, R, E), got {}", regions.shape().to_string());
  const Tensor unit = tensor::ops::l2_normalize(regions).y;
  return {unit, unit, unit, 1 / temperature};
}

Attention attention_of(const LocalVectors& vectors, int64_t i, int64_t j, AlpaAggregate aggregate) {
  const Tensor& v = vectors.v;
  CHECK(v.rank() == 3 && vectors.q.shape() == v.shape() && vectors.k.shape() == v.shape() && v.dim(1) >= 1,
        "attention_of: expected q, k and v (N, R, C) of one shape, got {}, {} and {}", vectors.q.shape().to_string(),
        vectors.k.shape().to_string(), v.shape().to_string());
  CHECK(i >= 0 && i < v.dim(0) && j >= 0 && j < v.dim(0), "attention_of: images {} and {} of {}", i, j, v.dim(0));
  const int64_t regions = v.dim(1), width = v.dim(2);
  const Tensor scores =
      tensor::ops::matmul(of_image(vectors.q, i), of_image(vectors.k, j), tensor::ops::Transpose::no, tensor::ops::Transpose::yes);
  Attention attention;
  attention.weights = tensor::ops::softmax(tensor::ops::scale(scores, vectors.scale));
  const Tensor anchors = of_image(v, i), resampled = tensor::ops::matmul(attention.weights, of_image(v, j));  // v_{j|i}
  std::vector<double> cosines;
  for (int64_t r = 0; r < regions; ++r)
    cosines.push_back(cosine(anchors.data<double>() + r * width, resampled.data<double>() + r * width, width));
  attention.cosines = Tensor::from(cosines, {regions});
  attention.similarity = aggregated(cosines, aggregate);
  return attention;
}

Tensor regions_looked_at(const Attention& attention) {
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
