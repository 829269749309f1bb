// Distributions of the augmentations, and their dependence on the key alone.

#include "nn/data/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tests/errors.h"
#include "tests/image_files.h"

namespace {

using nn::Augment;
using nn::AugmentKey;
using nn::AugmentOptions;

std::vector<uint8_t> augmented(const Augment& augment, const std::vector<uint8_t>& from, int64_t from_size, int64_t size,
                               const AugmentKey& key) {
  std::vector<uint8_t> to(size * size * 3, 77);
  augment(from.data(), from_size, to.data(), size, key);
  return to;
}

/// Red is the row, green the column: a crop shows its position.
std::vector<uint8_t> map_of_places(int64_t size) {
  std::vector<uint8_t> pixels;
  for (int64_t row = 0; row < size; ++row)
    for (int64_t column = 0; column < size; ++column)
      pixels.insert(pixels.end(), {static_cast<uint8_t>(row), static_cast<uint8_t>(column), 128});
  return pixels;
}

/// The Kolmogorov-Smirnov distance between the samples and the uniform distribution on [low, high].
double ks_distance(std::vector<double> samples, double low, double high) {
  std::sort(samples.begin(), samples.end());
  double worst = 0;
  const auto n = static_cast<double>(samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    const double share = (samples[i] - low) / (high - low);
    worst = std::max({worst, std::abs(share - static_cast<double>(i) / n), std::abs(share - static_cast<double>(i + 1) / n)});
  }
  return worst;
}

constexpr int draws = 4000;
const double ks_limit = 1.95 / std::sqrt(static_cast<double>(draws));  // passed by chance once in a thousand times

/// The box of a resized crop, from the positions that its pixels show (accurate to about half a pixel for a crop of 250 pixels).
struct Box {
  double top, left, height, width;
};
Box box_of(const Augment& augment, const AugmentKey& key, bool& mirrored) {
  constexpr int64_t edge = 250, size = 32;
  static const std::vector<uint8_t> source = map_of_places(edge);
  const std::vector<uint8_t> crop = augmented(augment, source, edge, size, key);
  const auto at = [&](int64_t row, int64_t column, int channel) { return static_cast<double>(crop[(row * size + column) * 3 + channel]); };
  // Away from the borders, where the filter is truncated, output i shows position first + (i + 1/2) extent / size - 1/2.
  const double row_step = (at(28, 3, 0) - at(3, 3, 0)) / 25, column_step = (at(3, 28, 1) - at(3, 3, 1)) / 25;
  mirrored = column_step < 0;
  const double width = std::abs(column_step) * size, leftmost = mirrored ? at(3, 28, 1) : at(3, 3, 1);
  return {at(3, 3, 0) + 0.5 - 3.5 * row_step, leftmost + 0.5 - 3.5 * width / size, row_step * size, width};
}

TEST(RandomResizedCrop, AreasRatiosAndPositionsAreUniform) {
  const Augment augment = nn::make_augment({.least_area = 0.2, .flip = 0.25});
  std::vector<double> areas, ratios, tops, lefts;
  int flips = 0;
  for (int64_t draw = 0; draw < draws; ++draw) {
    bool mirrored = false;
    const Box box = box_of(augment, {5, draw % 40, draw / 40}, mirrored);
    flips += mirrored;
    const double area = box.height * box.width / (250.0 * 250);
    ASSERT_GE(area, 0.18);
    ASSERT_LE(area, 1.03);
    ASSERT_GE(box.width / box.height, 0.73);
    ASSERT_LE(box.width / box.height, 1.37);
    // A large area fits only near the ratio 1. Below an area of 3/4 every draw fits, and there the distribution is uniform.
    if (area < 0.7) {
      areas.push_back(area);
      ratios.push_back(std::log(box.width / box.height));
      tops.push_back(box.top / (250 - box.height));
      lefts.push_back(box.left / (250 - box.width));
    }
  }
  const double limit = 1.95 / std::sqrt(static_cast<double>(areas.size())) + 0.015;  // and what reading off eight bits costs
  EXPECT_GT(areas.size(), 2000u);
  EXPECT_LE(ks_distance(areas, 0.2, 0.7), limit);
  EXPECT_LE(ks_distance(ratios, std::log(0.75), std::log(4.0 / 3)), limit);
  EXPECT_LE(ks_distance(tops, 0, 1), limit);
  EXPECT_LE(ks_distance(lefts, 0, 1), limit);
  EXPECT_NEAR(flips, draws * 0.25, 5 * std::sqrt(draws * 0.25 * 0.75));
}

TEST(RandomResizedCrop, OfTheWholeAreaIsTheWholeImage) {
  const std::vector<uint8_t> source = files::random_bytes(12 * 12 * 3, 3);
  // Area 1 fits for the ratio 1 alone; after ten attempts the center crop is taken, which is the whole image.
  const Augment whole = nn::make_augment({.least_area = 1});
  for (int64_t image = 0; image < 20; ++image) EXPECT_EQ(augmented(whole, source, 12, 12, {1, 0, image}), source);
  // No box of ratio 2 to 3 has area 1: the center crop of the nearest ratio is 12 x 6.
  const Augment wide = nn::make_augment({.least_area = 1, .ratio = {2, 3}});
  const std::vector<uint8_t> map = map_of_places(12), crop = augmented(wide, map, 12, 6, {1, 0, 0});
  for (int64_t row = 0; row < 6; ++row) EXPECT_EQ(crop[row * 6 * 3], 3 + row);
}

TEST(Augment, CropsFromALargerImage) {
  const std::vector<uint8_t> source = map_of_places(40);
  const Augment crop = nn::make_augment({});
  std::set<std::pair<int, int>> corners;
  for (int64_t image = 0; image < 400; ++image) {
    const std::vector<uint8_t> part = augmented(crop, source, 40, 32, {1, 0, image});
    corners.insert({part[0], part[1]});
    EXPECT_EQ(part[3 * (32 * 31 + 31)], part[0] + 31);
  }
  EXPECT_GT(corners.size(), 70u);  // of 9 x 9
  EXPECT_EQ(corners.begin()->first, 0);
  EXPECT_EQ(corners.rbegin()->first, 8);
}

TEST(Augment, RatesAndFactorsMatchTheOptions) {
  // A gray pixel shows the brightness factor; an image of two colors shows whether it was converted to gray.
  const std::vector<uint8_t> source = [] {
    std::vector<uint8_t> pixels;
    for (int at = 0; at < 16; ++at) pixels.insert(pixels.end(), {100, 120, 80});
    return pixels;
  }();
  const Augment augment = nn::make_augment({.jitter = 0.8, .brightness = 0.4, .gray = 0.2});
  std::vector<double> factors;
  int grays = 0, changed = 0;
  for (int64_t draw = 0; draw < draws; ++draw) {
    const std::vector<uint8_t> pixels = augmented(augment, source, 4, 4, {9, draw, 1});
    const bool gray = pixels[0] == pixels[1];
    grays += gray;
    if (gray) continue;
    if (pixels[1] != 120) ++changed;
    if (pixels[1] != 120) factors.push_back((pixels[1] + 0.5) / 120);
  }
  const int colored = draws - grays;
  EXPECT_NEAR(grays, draws * 0.2, 5 * std::sqrt(draws * 0.2 * 0.8));
  EXPECT_NEAR(changed, colored * 0.8, 5 * std::sqrt(colored * 0.8 * 0.2) + colored * 0.02);  // a factor near 1 changes nothing
  EXPECT_LE(ks_distance(factors, 0.6, 1.4), ks_limit + 0.02);
}

// Brightness and contrast do not commute. Applying both with the drawn factors in both orders shows which order was used; each occurs in
// about half of the images.
TEST(Augment, ColorsChangeInRandomOrder) {
  const std::vector<uint8_t> source = files::random_bytes(8 * 8 * 3, 8);
  const auto with = [&](double brightness, double contrast, int64_t image) {
    const Augment augment = nn::make_augment({.jitter = 1, .brightness = brightness, .contrast = contrast});
    return augmented(augment, source, 8, 8, {9, 0, image});
  };
  int brightness_first = 0, contrast_first = 0;
  constexpr int images = 400;
  for (int64_t image = 0; image < images; ++image) {
    // Each operation alone: its factor does not depend on whether the other one happens.
    const std::vector<uint8_t> both = with(0.5, 0.5, image);
    const auto chained = [&](bool brighten_first) {
      std::vector<uint8_t> pixels = source, out(pixels.size());
      for (const bool brighten : {brighten_first, !brighten_first}) {
        const Augment one = nn::make_augment({.jitter = 1, .brightness = brighten ? 0.5 : 0, .contrast = brighten ? 0 : 0.5});
        one(pixels.data(), 8, out.data(), 8, {9, 0, image});
        pixels = out;
      }
      return pixels;
    };
    const std::vector<uint8_t> brighter = chained(true), flatter = chained(false);
    ASSERT_TRUE(both == brighter || both == flatter) << image;
    brightness_first += both == brighter && both != flatter;
    contrast_first += both == flatter && both != brighter;
  }
  EXPECT_GT(brightness_first + contrast_first, images * 3 / 4);
  EXPECT_NEAR(brightness_first, contrast_first, 5 * std::sqrt(images / 1.0));
}

TEST(Augment, DependsOnTheKeyAlone) {
  const std::vector<uint8_t> source = files::random_bytes(32 * 32 * 3, 1);
  for (const std::string& name : nn::known_augments()) {
    const Augment augment = nn::augment_by_name(name);
    if (name == "none") {
      EXPECT_FALSE(augment);
      continue;
    }
    const auto result = [&](const AugmentKey& key) { return augmented(augment, source, 32, 32, key); };
    const std::vector<uint8_t> first = result({1, 2, 3, 0});
    result({1, 2, 4, 0});
    EXPECT_EQ(result({1, 2, 3, 0}), first) << name;
    int different = 0;
    for (int64_t i = 0; i < 20; ++i)
      different += (result({1, 2, i, 0}) != result({1, 2, i, 1})) + (result({1, i, 3, 0}) != result({1, i + 1, 3, 0})) +
                   (result({1, 2, i, 1}) != result({1, 2, i + 1, 1}));
    EXPECT_GE(different, 57) << name;
  }
  EXPECT_NE(message_of([] { nn::augment_by_name("mixup"); }).find("known: none, crop-flip, contrastive, imagenet"), std::string::npos);
}

// Two views, and two epochs, are uncorrelated: their flips are equal for half of the images.
TEST(Augment, ViewsAndEpochsAreIndependent) {
  const std::vector<uint8_t> source = map_of_places(4);
  const Augment flip = nn::make_augment({.flip = 0.5});
  const auto flipped = [&](const AugmentKey& key) { return augmented(flip, source, 4, 4, key)[1] == 3; };
  int views = 0, epochs = 0, images = 0;
  for (int64_t i = 0; i < draws; ++i) {
    views += flipped({3, 0, i, 0}) == flipped({3, 0, i, 1});
    epochs += flipped({3, 0, i, 0}) == flipped({3, 1, i, 0});
    images += flipped({3, 0, i, 0}) == flipped({3, 0, i + 1, 0});
  }
  for (const int same : {views, epochs, images}) EXPECT_NEAR(same, draws / 2, 5 * std::sqrt(draws / 4.0));
}

TEST(Augment, BadOptions) {
  const auto fault = [](const AugmentOptions& options) { return message_of([&] { nn::make_augment(options); }); };
  EXPECT_NE(fault({.pad = -1}).find("padding of -1"), std::string::npos);
  EXPECT_NE(fault({.pad = 4, .least_area = 0.2}).find("one of the two"), std::string::npos);
  EXPECT_NE(fault({.least_area = 1.5}).find("0 .. 1"), std::string::npos);
  EXPECT_NE(fault({.ratio = {2, 1}}).find("low <= high"), std::string::npos);
  EXPECT_NE(fault({.flip = NAN}).find("probability"), std::string::npos);
  EXPECT_NE(fault({.hue = 0.6}).find("0.5"), std::string::npos);
  EXPECT_NE(fault({.contrast = -1}).find("factor"), std::string::npos);
  const std::vector<uint8_t> source(4 * 4 * 3);
  EXPECT_NE(message_of([&] {
              augmented(nn::crop_and_flip(1), source, 4, 7, {1, 0, 0});
            }).find("a crop of 7 x 7 from 4 x 4"),
            std::string::npos);
}

}  // namespace
