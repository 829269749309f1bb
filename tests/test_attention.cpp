#include "mode/alpa/alpa_loss.h"

#include <cmath>

#include "nn/module.h"
#include "tests/kernel_testing.h"

namespace {

using mode::AlpaAggregate;
using mode::Attention;
using mode::QueryKeyValue;
using tensor::Dtype;
using tensor::Tensor;

QueryKeyValue random_vectors(int64_t n, int64_t r, int64_t c, Dtype dtype = Dtype::f64) {
  const auto random = [&](uint64_t seed) { return tensor::random_tensor({n, r, c}, dtype, seed); };
  return {random(1), random(2), random(3), 1 / std::sqrt(static_cast<double>(c))};
}

TEST(Attention, AddsUpToWhatAlpaComputes) {
  for (const auto& [n, r, c] : {std::array<int64_t, 3>{1, 1, 1}, {2, 1, 5}, {3, 4, 7}, {4, 16, 80}, {2, 49, 3}})
    for (const AlpaAggregate aggregate : {AlpaAggregate::mean, AlpaAggregate::max, AlpaAggregate::sum, AlpaAggregate::logsum})
      for (const Dtype dtype : {Dtype::f64, Dtype::f32}) {
        SCOPED_TRACE(fmt::format("N {} R {} C {} aggregate {} {}", n, r, c, static_cast<int>(aggregate), tensor::name(dtype)));
        const QueryKeyValue vectors = random_vectors(n, r, c, dtype);
        const std::vector<double> pairs = mode::alpa_pairs(vectors.q, vectors.k, vectors.v, aggregate).to_vector();
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j < n; ++j) {
            const Attention attention = mode::attention_of(vectors, i, j, aggregate);
            EXPECT_NEAR(attention.similarity, pairs[i * n + j], dtype == Dtype::f64 ? 1e-10 : 2e-4) << i << " " << j;
            ASSERT_EQ(attention.weights.shape(), (tensor::Shape{r, r}));
            ASSERT_EQ(attention.cosines.shape(), (tensor::Shape{r}));
          }
      }
}

TEST(Attention, IsTheFormulaElementByElement) {
  const int64_t r = 3, c = 5;
  const QueryKeyValue vectors = random_vectors(2, r, c);
  const Attention attention = mode::attention_of(vectors, 1, 0);
  const std::vector<double> q = vectors.q.to_vector(), k = vectors.k.to_vector(), v = vectors.v.to_vector();
  const auto at = [&](const std::vector<double>& x, int64_t image, int64_t region, int64_t channel) {
    return x[(image * r + region) * c + channel];
  };
  for (int64_t a = 0; a < r; ++a) {
    std::vector<double> weights;
    double sum = 0;
    for (int64_t b = 0; b < r; ++b) {
      double score = 0;
      for (int64_t e = 0; e < c; ++e) score += at(q, 1, a, e) * at(k, 0, b, e);
      weights.push_back(std::exp(score / std::sqrt(5.0)));
      sum += weights.back();
    }
    double ab = 0, aa = 0, bb = 0, entropy = 0;
    for (int64_t e = 0; e < c; ++e) {
      double resampled = 0;
      for (int64_t b = 0; b < r; ++b) resampled += weights[b] / sum * at(v, 0, b, e);
      ab += at(v, 1, a, e) * resampled;
      aa += at(v, 1, a, e) * at(v, 1, a, e);
      bb += resampled * resampled;
    }
    for (int64_t b = 0; b < r; ++b) {
      const double weight = weights[b] / sum;
      EXPECT_NEAR(attention.weights.data<double>()[a * r + b], weight, 1e-12);
      entropy -= weight * std::log(weight);
    }
    EXPECT_NEAR(attention.cosines.data<double>()[a], ab / std::sqrt(aa * bb), 1e-12);
    EXPECT_NEAR(mode::attended_regions(attention).data<double>()[a], std::exp(entropy), 1e-12);
  }
}

TEST(Attention, OfHeadsIsTheirSimilarity) {
  mode::AlpaHeads heads(6, 5);
  nn::initialize(heads, 3);
  const Tensor regions = tensor::random_tensor({3, 4, 6}, Dtype::f32, 4);
  const QueryKeyValue vectors = mode::alpa_qkv(heads, regions);
  const std::vector<double> s = heads(mode::Variable(regions)).value().to_vector();
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 3; ++j)
      EXPECT_NEAR(mode::attention_of(vectors, i, j).similarity + mode::attention_of(vectors, j, i).similarity, s[3 * i + j], 1e-5);
}

TEST(Attention, WithoutHeadsLooksWhereVectorsAreAlike) {
  // Image 1 is image 0 with its regions in reverse order and of other lengths.
  const Tensor regions = Tensor::from<float>({1, 0, 0, /**/ 0, 1, 0, /**/ 0, 0, 1, /**/ 0, 0, 7, /**/ 0, 2, 0, /**/ 3, 0, 0}, {2, 3, 3});
  const Attention sharp = mode::attention_of(mode::cosine_qkv(regions, 0.01), 0, 1);
  for (int64_t r = 0; r < 3; ++r) EXPECT_NEAR(sharp.weights.data<double>()[r * 3 + 2 - r], 1, 1e-12);
  EXPECT_NEAR(sharp.similarity, 1, 1e-12);
  EXPECT_NEAR(mode::attended_regions(sharp).data<double>()[0], 1, 1e-12);
  const Attention warm = mode::attention_of(mode::cosine_qkv(regions, 2), 0, 1);
  EXPECT_NEAR(warm.weights.data<double>()[2], std::exp(0.5) / (std::exp(0.5) + 2), 1e-7);
}

TEST(Attention, AZeroVectorHasCosineZero) {
  const Tensor regions = Tensor::from<float>({0, 0, /**/ 1, 0, /**/ 0, 0, /**/ 0, 1}, {2, 2, 2});
  const Attention attention = mode::attention_of(mode::cosine_qkv(regions, 0.1), 0, 1);
  EXPECT_EQ(attention.cosines.data<double>()[0], 0);
  EXPECT_NEAR(attention.weights.data<double>()[0], 0.5, 1e-12) << "it looks everywhere alike";
  EXPECT_NEAR(mode::attended_regions(attention).data<double>()[0], 2, 1e-12);
}

TEST(Attention, WindowsArePooled) {
  // alpa_vectors is the mean over alpa_windows, or the map itself.
  const Tensor map = tensor::random_tensor({2, 5, 4, 3}, Dtype::f32, 5);
  const std::vector<tensor::ops::Rect> windows = mode::alpa_windows(5, 4, 2);
  EXPECT_EQ(windows, (std::vector<tensor::ops::Rect>{{0, 0, 3, 2}, {0, 2, 3, 4}, {2, 0, 5, 2}, {2, 2, 5, 4}}));
  tensor::expect_close(mode::alpa_vectors(mode::Variable(map), 2).value(), tensor::ops::region_pool(map, windows), 1e-6);
  EXPECT_EQ(mode::alpa_windows(2, 3, 4).size(), 6u);
  EXPECT_EQ(mode::alpa_vectors(mode::Variable(map), 9).value().to_vector(), map.to_vector());
}

TEST(Attention, RefusesWhatCannotBe) {
  QueryKeyValue vectors = random_vectors(2, 3, 4);
  EXPECT_THROW(mode::attention_of(vectors, 0, 2), tensor::Error);
  vectors.k = tensor::random_tensor({2, 3, 5}, Dtype::f64, 1);
  EXPECT_THROW(mode::attention_of(vectors, 0, 1), tensor::Error);
  EXPECT_THROW(mode::cosine_qkv(tensor::random_tensor({2, 3, 4}, Dtype::f32, 1), 0), tensor::Error);
  EXPECT_THROW(mode::alpa_windows(4, 4, 0), tensor::Error);
}

}  // namespace
