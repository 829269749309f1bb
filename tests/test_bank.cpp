#include "mode/detectors/bank.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "mode/detectors/regions.h"

namespace {

using mode::Bank;
using mode::Features;
using mode::make_bank;
using tensor::Tensor;

// Two images, three scales, E = 2; the second image's last vector is zero.
Features two_images() {
  Features features;
  features.regions = Tensor::from<float>({3, 4, 0, 2, -5, 12, 8, 6, 1, 0, 0, 0}, {2, 3, 2});
  features.logits = Tensor::zeros({2, 4});
  features.labels = Tensor::from<int64_t>({3, -1}, {2});
  features.ids = Tensor::from<int64_t>({4, 1}, {2});
  features.image_names = {"a.png", "b.png"};
  features.scales = {{"global", {0, 0, 4, 4}}, {"quadrant 1", {0, 0, 2, 2}}, {"center", {1, 1, 3, 3}}};
  return features;
}

void expect_near(const Tensor& got, const std::vector<double>& expected) {
  const std::vector<double> values = got.to_vector();
  ASSERT_EQ(values.size(), expected.size());
  for (size_t at = 0; at < values.size(); ++at) EXPECT_NEAR(values[at], expected[at], 1e-6) << at;
}

TEST(Bank, ByHand) {
  const Bank bank = make_bank(two_images());
  EXPECT_EQ(bank.rows.shape(), (tensor::Shape{6, 2}));
  expect_near(bank.rows, {.6, .8, 0, 1, -5.0 / 13, 12.0 / 13, .8, .6, 1, 0, 0, 0});
  EXPECT_EQ(bank.ids.to_vector(), (std::vector<double>{4, 4, 4, 1, 1, 1}));
  EXPECT_EQ(bank.labels.to_vector(), (std::vector<double>{3, 3, 3, -1, -1, -1}));
  EXPECT_EQ(bank.scales.to_vector(), (std::vector<double>{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(bank.ids.dtype(), tensor::Dtype::i32);
  EXPECT_EQ(bank.scale_names, (std::vector<std::string>{"global", "quadrant 1", "center"}));
  EXPECT_EQ(bank.image_names, (std::vector<std::string>{"", "b.png", "", "", "a.png"}));
}

TEST(Bank, GlobalVectorsAlone) {
  const Bank bank = make_bank(two_images(), {0});
  EXPECT_EQ(bank.rows.shape(), (tensor::Shape{2, 2}));
  expect_near(bank.rows, {.6, .8, .8, .6});
  EXPECT_EQ(bank.ids.to_vector(), (std::vector<double>{4, 1}));
  EXPECT_EQ(bank.scales.to_vector(), (std::vector<double>{0, 0}));
  EXPECT_EQ(bank.scale_names, (std::vector<std::string>{"global"}));
}

TEST(Bank, LeavesTheFeaturesAsTheyWere) {
  const Features features = two_images();
  make_bank(features);
  EXPECT_EQ(features.regions.to_vector(), two_images().regions.to_vector());
}

TEST(Bank, BadFeaturesAreErrors) {
  EXPECT_THROW(make_bank(two_images(), {4}), tensor::Error);
  EXPECT_THROW(make_bank(two_images(), {-1}), tensor::Error);
  Features features = two_images();
  features.image_names.pop_back();
  EXPECT_THROW(make_bank(features), tensor::Error);
  features = two_images();
  features.scales.pop_back();
  EXPECT_THROW(make_bank(features), tensor::Error);
  features = two_images();
  features.ids = Tensor::from<int64_t>({-1, 0}, {2});
  EXPECT_THROW(make_bank(features), tensor::Error);
  EXPECT_THROW(make_bank(Features{}), tensor::Error);
}

// Twelve unit vectors, one every 30 degrees.
Bank circle() {
  Features features;
  features.regions = Tensor({12, 1, 2});
  features.logits = Tensor::zeros({12, 2});
  features.labels = Tensor::zeros({12}, tensor::Dtype::i64);
  features.ids = Tensor({12}, tensor::Dtype::i64);
  features.scales = {{"global", {0, 0, 1, 1}}};
  for (int64_t at = 0; at < 12; ++at) {
    features.regions.data<float>()[2 * at] = static_cast<float>(std::cos(static_cast<double>(at) * M_PI / 6));
    features.regions.data<float>()[2 * at + 1] = static_cast<float>(std::sin(static_cast<double>(at) * M_PI / 6));
    features.ids.data<int64_t>()[at] = at;
    features.image_names.push_back(std::to_string(at));
  }
  return make_bank(features);
}

TEST(Bank, ChosenRowsAreSortedDistinctAndDrawnFromTheSeed) {
  const Bank bank = circle();
  std::set<std::vector<int64_t>> choices;
  for (const auto choice : {mode::BankChoice::random, mode::BankChoice::kcenter})
    for (const uint64_t seed : {1, 2, 3}) {
      const std::vector<int64_t> rows = mode::choose_rows(bank, 5, choice, seed);
      EXPECT_EQ(rows, mode::choose_rows(bank, 5, choice, seed));
      EXPECT_EQ(std::set<int64_t>(rows.begin(), rows.end()).size(), 5u);
      EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
      choices.insert(rows);
      EXPECT_EQ(mode::choose_rows(bank, 40, choice, seed).size(), 12u);
    }
  EXPECT_GT(choices.size(), 3u);
  EXPECT_THROW(mode::choose_rows(bank, 0, mode::BankChoice::random, 1), tensor::Error);
}

TEST(Bank, FarthestFirstCoversACircle) {
  const Bank bank = circle();
  for (const uint64_t seed : {1, 2, 3, 4}) {
    const std::vector<int64_t> four = mode::choose_rows(bank, 4, mode::BankChoice::kcenter, seed);
    for (size_t at = 0; at < 4; ++at) EXPECT_EQ(four[at], four[0] + 3 * static_cast<int64_t>(at)) << seed;  // every quarter
  }
}

TEST(Bank, RowsKeepWhereTheyCameFrom) {
  const Bank bank = make_bank(two_images()), part = mode::rows_of(bank, {1, 5});
  expect_near(part.rows, {0, 1, 0, 0});
  EXPECT_EQ(part.ids.to_vector(), (std::vector<double>{4, 1}));
  EXPECT_EQ(part.labels.to_vector(), (std::vector<double>{3, -1}));
  EXPECT_EQ(part.scales.to_vector(), (std::vector<double>{1, 2}));
  EXPECT_EQ(part.scale_names, bank.scale_names);
  EXPECT_THROW(mode::rows_of(bank, {6}), tensor::Error);
}

}  // namespace
