#include "mode/evaluation/probe.h"

#include <gtest/gtest.h>

#include "mode/evaluation/metrics.h"
#include "tensor/philox.h"
#include "tests/errors.h"

namespace {

using mode::Features;
using tensor::Tensor;

Features features_of(const std::vector<float>& vectors, int64_t width, const std::vector<int64_t>& labels) {
  Features features;
  const auto n = static_cast<int64_t>(labels.size());
  features.regions = Tensor::from<float>(vectors, {n, 1, width});
  features.logits = Tensor::zeros({n, 3});
  features.labels = Tensor::from<int64_t>(labels, {n});
  features.ids = Tensor::zeros({n}, tensor::Dtype::i64);
  features.scales = {{"global", {0, 0, 1, 1}, "global"}};
  for (int64_t at = 0; at < n; ++at) features.image_names.push_back(fmt::format("image {}", at));
  return features;
}

// Three clouds far from the origin, on scales of a thousand and of a thousandth.
Features clouds(int64_t n, uint64_t seed) {
  std::vector<float> vectors;
  std::vector<int64_t> labels;
  for (int64_t at = 0; at < n; ++at) {
    const auto words = tensor::philox(seed, tensor::Stream::test, static_cast<uint64_t>(at));
    labels.push_back(at % 3);
    vectors.push_back(5000 + 1000 * (static_cast<float>(at % 3) + 0.3f * tensor::uniform(words[0])));
    vectors.push_back(0.001f * ((at % 3 == 1 ? 2.0f : 0.0f) + 0.3f * tensor::uniform(words[1])));
    vectors.push_back(7);  // says nothing
  }
  return features_of(vectors, 3, labels);
}

TEST(Probe, SeparatesWhatALineSeparates) {
  const Features train = clouds(90, 1), test = clouds(60, 2);
  const mode::Probe probe = mode::train_probe(train, 3, {.epochs = 60, .batch = 16});
  EXPECT_EQ(mode::accuracy(mode::with_probe(train, probe)), 1);
  EXPECT_EQ(mode::accuracy(mode::with_probe(test, probe)), 1);
  EXPECT_EQ(probe.weight.shape(), (tensor::Shape{3, 3}));
  for (int64_t c = 0; c < 3; ++c) EXPECT_EQ(probe.weight.data<float>()[c * 3 + 2], 0);
  const mode::Probe again = mode::train_probe(train, 3, {.epochs = 60, .batch = 16});
  EXPECT_EQ(again.weight.to_vector(), probe.weight.to_vector());
}

TEST(Probe, NeighborsByHand) {
  const Features train = features_of({1, 0, 1, 0.1f, 0, 1, 0.1f, 1, 0.2f, 1}, 2, {0, 0, 1, 1, 1});
  // At 3, 87, 42 and 48 degrees; the bank is at 0 and 6 (label 0), 90, 84 and 79 (label 1).
  const Features test = features_of({1, 0.05f, 0.05f, 1, 1, 0.9f, 0.9f, 1}, 2, {0, 1, 0, 0});
  EXPECT_DOUBLE_EQ(mode::knn_accuracy(train, test, 1), 3.0 / 4);
  EXPECT_DOUBLE_EQ(mode::knn_accuracy(train, test, 2), 3.0 / 4);   // 42: 6 and 79 have a vote each, and 6 is nearer
  EXPECT_DOUBLE_EQ(mode::knn_accuracy(train, test, 99), 1.0 / 4);  // all five: three of label 1
}

TEST(Probe, Errors) {
  const Features train = clouds(9, 1);
  expect_error([&] { mode::train_probe(train, 2, {}); }, "has label 2, expected 0 to 1");
  expect_error([&] { mode::train_probe(train, 1, {}); }, "a probe of 1 classes");
  Features unlabeled = train;
  unlabeled.labels = Tensor::from<int64_t>({0, 1, 2, -1, 0, 1, 2, 0, 1}, {9});
  expect_error([&] { mode::knn_accuracy(unlabeled, train, 3); }, "label -1");
  Features wild = train;
  expect_error([&] { mode::train_probe(wild, 3, {.epochs = 3, .lr = 1e30}); }, "smaller --lr");
}

}  // namespace
