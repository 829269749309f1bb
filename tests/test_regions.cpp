#include "mode/detectors/regions.h"

#include <gtest/gtest.h>

#include "tensor/check.h"

namespace {

using mode::csd_scales;
using tensor::ops::Rect;

// Worked by hand from mode/README.md, eq. (11): the halves and the center of one axis of length H = 1 .. 9.
struct Axis {
  int64_t length, first_end, second_begin, center_begin, center_end;
};
const std::vector<Axis> axes = {{1, 1, 0, 0, 1}, {2, 1, 1, 0, 2}, {3, 2, 1, 0, 3}, {4, 2, 2, 1, 3}, {5, 3, 2, 1, 4},
                                {6, 3, 3, 1, 5}, {7, 4, 3, 1, 6}, {8, 4, 4, 2, 6}, {9, 5, 4, 2, 7}};

TEST(Regions, EverySizeByHand) {
  for (const Axis& h : axes)
    for (const Axis& w : axes) {
      SCOPED_TRACE(fmt::format("{} x {}", h.length, w.length));
      std::vector<Rect> expected = {{0, 0, h.length, w.length}};
      std::vector<std::string> names = {"global"};
      if (h.length > 1 && w.length > 1) {
        expected.push_back({0, 0, h.first_end, w.first_end});
        expected.push_back({0, w.second_begin, h.first_end, w.length});
        expected.push_back({h.second_begin, 0, h.length, w.first_end});
        expected.push_back({h.second_begin, w.second_begin, h.length, w.length});
        names.insert(names.end(), {"quadrant 1", "quadrant 2", "quadrant 3", "quadrant 4"});
      }
      if (h.length > 3 && w.length > 3) {
        expected.push_back({h.center_begin, w.center_begin, h.center_end, w.center_end});
        names.push_back("center");
      }
      const auto scales = csd_scales(h.length, w.length);
      EXPECT_EQ(mode::rects_of(scales), expected);
      std::vector<std::string> got;
      for (const auto& scale : scales) got.push_back(scale.name);
      EXPECT_EQ(got, names);
    }
}

TEST(Regions, SaysWhatIsLeftOut) {
  std::vector<std::string> left_out = {"from before"};
  EXPECT_EQ(csd_scales(4, 4, &left_out).size(), 6u);
  EXPECT_TRUE(left_out.empty());
  EXPECT_EQ(csd_scales(3, 7, &left_out).size(), 5u);
  ASSERT_EQ(left_out.size(), 1u);
  EXPECT_NE(left_out[0].find("center: a feature map of 3 x 7"), std::string::npos);
  EXPECT_EQ(csd_scales(9, 1, &left_out).size(), 1u);
  ASSERT_EQ(left_out.size(), 2u);
  EXPECT_NE(left_out[0].find("quadrants: a feature map of 9 x 1"), std::string::npos);
}

TEST(Regions, OtherSetsByHand) {
  const auto thirds = mode::scales_of({"grid3"}, 4, 7);
  ASSERT_EQ(thirds.size(), 9u);
  EXPECT_EQ(thirds[0].rect, (Rect{0, 0, 2, 3}));
  EXPECT_EQ(thirds[4].rect, (Rect{1, 2, 3, 5}));
  EXPECT_EQ(thirds[8].rect, (Rect{2, 4, 4, 7}));
  EXPECT_EQ(thirds[8].name, "grid3 9");
  EXPECT_EQ(thirds[8].set, "grid3");
  const auto all = mode::scales_of({"global", "all"}, 2, 3);
  ASSERT_EQ(all.size(), 7u);
  EXPECT_EQ(all[6].rect, (Rect{1, 2, 2, 3}));
  EXPECT_EQ(all[6].name, "position 6");
  std::vector<std::string> left_out;
  EXPECT_EQ(mode::scales_of({"grid3", "all"}, 2, 2, &left_out).size(), 4u);
  ASSERT_EQ(left_out.size(), 1u);
  EXPECT_NE(left_out[0].find("grid3: a feature map of 2 x 2"), std::string::npos);
  EXPECT_THROW(mode::scales_of({"halves"}, 4, 4), tensor::Error);
}

TEST(Regions, TheEarlierSpellingOfCenterIsAccepted) {
  const auto scales = mode::scales_of({"centre"}, 4, 4);
  ASSERT_EQ(scales.size(), 1u);
  EXPECT_EQ(scales[0].name, "center");
  EXPECT_EQ(scales[0].set, "center");
}

TEST(Regions, InPixelsOfTheInput) {
  EXPECT_EQ(mode::input_region({0, 0, 4, 4}, 4, 4, 32), (Rect{0, 0, 32, 32}));
  EXPECT_EQ(mode::input_region({1, 2, 3, 4}, 4, 4, 32), (Rect{8, 16, 24, 32}));
  EXPECT_EQ(mode::input_region({1, 0, 2, 3}, 7, 3, 30), (Rect{4, 0, 9, 30}));  // 4.29 and 8.57
  EXPECT_THROW(mode::input_region({0, 0, 1, 1}, 0, 4, 32), tensor::Error);
}

TEST(Regions, AnEmptyMapIsAnError) {
  EXPECT_THROW(csd_scales(0, 4), tensor::Error);
  EXPECT_THROW(csd_scales(4, 0), tensor::Error);
}

}  // namespace
