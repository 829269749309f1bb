// The validation split: its share of each class, its draws, and its way through a checkpoint.

#include "nn/data/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/errors.h"

namespace {

/// Labels and names alone.
class Names : public nn::Dataset {
 public:
  Names(std::vector<int64_t> labels, int64_t classes, const std::string& prefix = "image ") : labels_(std::move(labels)), prefix_(prefix) {
    for (int64_t label = 0; label < classes; ++label) class_names_.push_back(std::to_string(label));
    spec_ = "names:" + prefix;
  }
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  int64_t label(int64_t index) const override { return labels_.at(static_cast<size_t>(index)); }
  std::string image_name(int64_t index) const override { return prefix_ + std::to_string(index); }
  void read(int64_t, uint8_t*) const override {}

 private:
  std::vector<int64_t> labels_;
  std::string prefix_;
};

/// n images of each class, the classes mixed.
Names balanced(int64_t n, int64_t classes) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < n * classes; ++i) labels.push_back(i % classes);
  return {labels, classes};
}

std::vector<int64_t> per_class(const nn::Dataset& data, const std::vector<int64_t>& ids) {
  std::vector<int64_t> counts(static_cast<size_t>(data.classes()));
  for (const int64_t id : ids) ++counts[data.label(id)];
  return counts;
}

TEST(Split, TheSameShareOfEachClassAndEveryImageOnce) {
  const Names data = balanced(500, 10);
  const nn::Split split = nn::split_by_class(data, 0.02, 7);
  EXPECT_EQ(per_class(data, split.validation), std::vector<int64_t>(10, 10));
  EXPECT_TRUE(std::is_sorted(split.validation.begin(), split.validation.end()));
  EXPECT_TRUE(std::is_sorted(split.training.begin(), split.training.end()));
  std::set<int64_t> all(split.validation.begin(), split.validation.end());
  all.insert(split.training.begin(), split.training.end());
  EXPECT_EQ(all.size(), 5000u);
  EXPECT_EQ(split.training.size() + split.validation.size(), 5000u);
  // Spread over the set, not from one end of it.
  EXPECT_LT(split.validation.front(), 500);
  EXPECT_GT(split.validation.back(), 4500);
}

TEST(Split, BySeedAndName) {
  const Names data = balanced(100, 3);
  const nn::Split split = nn::split_by_class(data, 0.1, 1);
  EXPECT_EQ(split.validation, nn::split_by_class(data, 0.1, 1).validation);
  EXPECT_NE(split.validation, nn::split_by_class(data, 0.1, 2).validation);
  // A larger fraction draws the same images and more.
  const std::vector<int64_t> more = nn::split_by_class(data, 0.2, 1).validation;
  EXPECT_TRUE(std::includes(more.begin(), more.end(), split.validation.begin(), split.validation.end()));
}

TEST(Split, UnequalClassesAndSmallShares) {
  std::vector<int64_t> labels(100, 0);
  labels.resize(130, 1);
  labels.resize(133, 2);
  const Names data(labels, 4);  // and a class without images
  EXPECT_EQ(per_class(data, nn::split_by_class(data, 0.1, 1).validation), (std::vector<int64_t>{10, 3, 0, 0}));
  EXPECT_EQ(per_class(data, nn::split_by_class(data, 0.5, 1).validation), (std::vector<int64_t>{50, 15, 2, 0}));
  EXPECT_TRUE(nn::split_by_class(data, 0, 1).validation.empty());
  EXPECT_TRUE(nn::split_by_class(data, 0.001, 1).validation.empty());
}

TEST(Split, BadInput) {
  const Names data = balanced(2, 2);
  expect_error([&] { nn::split_by_class(data, 1, 1); }, "validation fraction 1:");
  expect_error([&] { nn::split_by_class(data, -0.1, 1); }, "validation fraction -0.1:");
  expect_error([&] { nn::split_by_class(data, 0.9, 1); }, "leaves no training image of a class with 2");
  expect_error([] { nn::split_by_class(Names({0, -1}, 2), 0.5, 1); }, "has no label");
}

TEST(Split, ThroughACheckpoint) {
  const auto data = std::make_shared<const Names>(balanced(50, 2));
  const std::vector<int64_t> ids = nn::split_by_class(*data, 0.1, 3).validation;
  nn::Checkpoint checkpoint;
  EXPECT_TRUE(nn::validation_ids(checkpoint).empty());
  nn::record_validation(checkpoint, *data, ids);
  EXPECT_EQ(nn::validation_ids(checkpoint), ids);
  const auto images = nn::validation_images(checkpoint, data);
  ASSERT_EQ(images->size(), 10);
  EXPECT_EQ(images->image_name(3), data->image_name(ids[3]));

  const auto other = std::make_shared<const Names>(std::vector<int64_t>(100, 0), 2, "other ");
  expect_error([&] { nn::validation_images(checkpoint, other); }, "is not the dataset the model was trained on (names:image )");
  const auto shorter = std::make_shared<const Names>(balanced(5, 2));
  expect_error([&] { nn::validation_images(checkpoint, shorter); }, "is not the dataset");
  // Files of earlier versions have other keys.
  nn::Checkpoint earlier;
  for (const auto& [now, before] : {std::pair{"val_ids", "held_out_ids"}, {"val_data", "held_out_of"}, {"val_names", "held_out_names"}})
    earlier.metadata[before] = checkpoint.metadata.at(now);
  EXPECT_EQ(nn::validation_ids(earlier), ids);
  EXPECT_EQ(nn::validation_images(earlier, data)->size(), 10);
  nn::forget_validation(earlier);
  EXPECT_TRUE(earlier.metadata.empty());
  for (const std::string text : {"3 2", "3 3", "-1", "1,2", "1 ", " 1", "1  2", "x", "99999999999999999999"}) {
    checkpoint.metadata["val_ids"] = text;
    expect_error([&] { nn::validation_ids(checkpoint); }, "is not an ascending index");
  }
}

}  // namespace
