// Images held out of training: which, how many of each class, and their way through a checkpoint.

#include "nn/holdout.h"

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

TEST(HoldOut, TheSameShareOfEachClassAndEveryImageOnce) {
  const Names data = balanced(500, 10);
  const nn::Split split = nn::hold_out(data, 0.02, 7);
  EXPECT_EQ(per_class(data, split.held_out), std::vector<int64_t>(10, 10));
  EXPECT_TRUE(std::is_sorted(split.held_out.begin(), split.held_out.end()));
  EXPECT_TRUE(std::is_sorted(split.training.begin(), split.training.end()));
  std::set<int64_t> all(split.held_out.begin(), split.held_out.end());
  all.insert(split.training.begin(), split.training.end());
  EXPECT_EQ(all.size(), 5000u);
  EXPECT_EQ(split.training.size() + split.held_out.size(), 5000u);
  // Spread over the set, not from one end of it.
  EXPECT_LT(split.held_out.front(), 500);
  EXPECT_GT(split.held_out.back(), 4500);
}

TEST(HoldOut, BySeedAndName) {
  const Names data = balanced(100, 3);
  const nn::Split split = nn::hold_out(data, 0.1, 1);
  EXPECT_EQ(split.held_out, nn::hold_out(data, 0.1, 1).held_out);
  EXPECT_NE(split.held_out, nn::hold_out(data, 0.1, 2).held_out);
  // A larger share holds out the same images and more.
  const std::vector<int64_t> more = nn::hold_out(data, 0.2, 1).held_out;
  EXPECT_TRUE(std::includes(more.begin(), more.end(), split.held_out.begin(), split.held_out.end()));
}

TEST(HoldOut, UnequalClassesAndSmallShares) {
  std::vector<int64_t> labels(100, 0);
  labels.resize(130, 1);
  labels.resize(133, 2);
  const Names data(labels, 4);  // and a class without images
  EXPECT_EQ(per_class(data, nn::hold_out(data, 0.1, 1).held_out), (std::vector<int64_t>{10, 3, 0, 0}));
  EXPECT_EQ(per_class(data, nn::hold_out(data, 0.5, 1).held_out), (std::vector<int64_t>{50, 15, 2, 0}));
  EXPECT_TRUE(nn::hold_out(data, 0, 1).held_out.empty());
  EXPECT_TRUE(nn::hold_out(data, 0.001, 1).held_out.empty());
}

TEST(HoldOut, BadInput) {
  const Names data = balanced(2, 2);
  expect_error([&] { nn::hold_out(data, 1, 1); }, "a share of 1");
  expect_error([&] { nn::hold_out(data, -0.1, 1); }, "a share of -0.1");
  expect_error([&] { nn::hold_out(data, 0.9, 1); }, "leaves no image of a class with 2");
  expect_error([] { nn::hold_out(Names({0, -1}, 2), 0.5, 1); }, "has no label");
}

TEST(HoldOut, ThroughACheckpoint) {
  const auto data = std::make_shared<const Names>(balanced(50, 2));
  const std::vector<int64_t> ids = nn::hold_out(*data, 0.1, 3).held_out;
  nn::Checkpoint checkpoint;
  EXPECT_TRUE(nn::held_out_ids(checkpoint).empty());
  nn::record_held_out(checkpoint, *data, ids);
  EXPECT_EQ(nn::held_out_ids(checkpoint), ids);
  const auto images = nn::held_out_images(checkpoint, data);
  ASSERT_EQ(images->size(), 10);
  EXPECT_EQ(images->image_name(3), data->image_name(ids[3]));

  const auto other = std::make_shared<const Names>(std::vector<int64_t>(100, 0), 2, "other ");
  expect_error([&] { nn::held_out_images(checkpoint, other); }, "is not the set that the model was trained on (names:image )");
  const auto shorter = std::make_shared<const Names>(balanced(5, 2));
  expect_error([&] { nn::held_out_images(checkpoint, shorter); }, "is not the set");
  for (const std::string text : {"3 2", "3 3", "-1", "1,2", "1 ", " 1", "1  2", "x", "99999999999999999999"}) {
    checkpoint.metadata["held_out_ids"] = text;
    expect_error([&] { nn::held_out_ids(checkpoint); }, "no list of rising numbers");
  }
}

}  // namespace
