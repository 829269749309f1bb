#include "mode/bank.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mode/regions.h"

namespace {

using mode::Bank;
using mode::Features;
using mode::make_bank;
using tensor::Tensor;

// Two pictures, three scales, E = 2; the second picture's last vector is zero.
Features two_pictures() {
  Features features;
  features.regions = Tensor::from<float>({3, 4, 0, 2, -5, 12, 8, 6, 1, 0, 0, 0}, {2, 3, 2});
  features.logits = Tensor::zeros({2, 4});
  features.labels = Tensor::from<int64_t>({3, -1}, {2});
  features.ids = Tensor::from<int64_t>({4, 1}, {2});
  features.picture_names = {"a.png", "b.png"};
  features.scales = {{"global", {0, 0, 4, 4}}, {"quadrant 1", {0, 0, 2, 2}}, {"centre", {1, 1, 3, 3}}};
  return features;
}

void expect_near(const Tensor& got, const std::vector<double>& expected) {
  const std::vector<double> values = got.to_vector();
  ASSERT_EQ(values.size(), expected.size());
  for (size_t at = 0; at < values.size(); ++at) EXPECT_NEAR(values[at], expected[at], 1e-6) << at;
}

TEST(Bank, ByHand) {
  const Bank bank = make_bank(two_pictures());
  EXPECT_EQ(bank.rows.shape(), (tensor::Shape{6, 2}));
  expect_near(bank.rows, {.6, .8, 0, 1, -5.0 / 13, 12.0 / 13, .8, .6, 1, 0, 0, 0});
  expect_near(bank.norms, {1, 1, 1, 1, 1, 0});
  EXPECT_EQ(bank.ids.to_vector(), (std::vector<double>{4, 4, 4, 1, 1, 1}));
  EXPECT_EQ(bank.labels.to_vector(), (std::vector<double>{3, 3, 3, -1, -1, -1}));
  EXPECT_EQ(bank.scales.to_vector(), (std::vector<double>{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(bank.ids.dtype(), tensor::Dtype::i32);
  EXPECT_EQ(bank.scale_names, (std::vector<std::string>{"global", "quadrant 1", "centre"}));
  EXPECT_EQ(bank.picture_names, (std::vector<std::string>{"", "b.png", "", "", "a.png"}));
}

TEST(Bank, GlobalVectorsAlone) {
  const Bank bank = make_bank(two_pictures(), 1);
  EXPECT_EQ(bank.rows.shape(), (tensor::Shape{2, 2}));
  expect_near(bank.rows, {.6, .8, .8, .6});
  EXPECT_EQ(bank.ids.to_vector(), (std::vector<double>{4, 1}));
  EXPECT_EQ(bank.scales.to_vector(), (std::vector<double>{0, 0}));
  EXPECT_EQ(bank.scale_names, (std::vector<std::string>{"global"}));
}

TEST(Bank, LeavesTheFeaturesAsTheyWere) {
  const Features features = two_pictures();
  make_bank(features);
  EXPECT_EQ(features.regions.to_vector(), two_pictures().regions.to_vector());
}

TEST(Bank, BadFeaturesAreErrors) {
  EXPECT_THROW(make_bank(two_pictures(), 4), tensor::Error);
  EXPECT_THROW(make_bank(two_pictures(), -1), tensor::Error);
  Features features = two_pictures();
  features.picture_names.pop_back();
  EXPECT_THROW(make_bank(features), tensor::Error);
  features = two_pictures();
  features.scales.pop_back();
  EXPECT_THROW(make_bank(features), tensor::Error);
  features = two_pictures();
  features.ids = Tensor::from<int64_t>({-1, 0}, {2});
  EXPECT_THROW(make_bank(features), tensor::Error);
  EXPECT_THROW(make_bank(Features{}), tensor::Error);
}

}  // namespace
