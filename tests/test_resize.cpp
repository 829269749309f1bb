// Antialiased bilinear resize: examples by hand, the formula in double, invariants. The bytes of Pillow: test_golden_resize.

#include "nn/data/resize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "tests/errors.h"
#include "tests/image_files.h"

namespace {

using nn::Image;
using nn::resize;

Image gray_row(const std::vector<uint8_t>& values) {
  Image image{1, static_cast<int64_t>(values.size()), {}};
  for (const uint8_t value : values) image.pixels.insert(image.pixels.end(), {value, value, value});
  return image;
}
std::vector<uint8_t> first_channel(const Image& image) {
  std::vector<uint8_t> values;
  for (size_t at = 0; at < image.pixels.size(); at += 3) values.push_back(image.pixels[at]);
  return values;
}

// The formula in double, without rounding.
std::vector<double> resized_axis(const std::vector<double>& in, int64_t out) {
  const double scale = static_cast<double>(in.size()) / static_cast<double>(out), half = std::max(1.0, scale);
  std::vector<double> result;
  for (int64_t i = 0; i < out; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    double sum = 0, weights = 0;
    for (size_t j = 0; j < in.size(); ++j) {
      const double weight = std::max(0.0, 1 - std::fabs(static_cast<double>(j) + 0.5 - center) / half);
      sum += weight * in[j];
      weights += weight;
    }
    result.push_back(sum / weights);
  }
  return result;
}

TEST(Resize, ByHand) {
  // 4 -> 2: s = 2, centers 1 and 3; the weights of the first are 3/4, 3/4, 1/4, divided by 7/4.
  EXPECT_EQ(first_channel(resize(gray_row({0, 70, 140, 210}), 1, 2)), (std::vector<uint8_t>{50, 160}));
  // 2 -> 4 interpolates at 1/4 and 3/4 between the pixels.
  EXPECT_EQ(first_channel(resize(gray_row({0, 100}), 1, 4)), (std::vector<uint8_t>{0, 25, 75, 100}));
  EXPECT_EQ(first_channel(resize(gray_row({7}), 3, 3)), (std::vector<uint8_t>(9, 7)));
  EXPECT_EQ(first_channel(resize(gray_row({10, 20, 30}), 1, 1)), (std::vector<uint8_t>{20}));
}

TEST(Resize, OneAxisIsTheFormulaRounded) {
  for (const auto& [in, out] : {std::pair<int64_t, int64_t>{1, 5}, {7, 3}, {13, 5}, {29, 32}, {64, 32}, {101, 2}, {97, 1}, {1000, 32}}) {
    SCOPED_TRACE(fmt::format("{} -> {}", in, out));
    const std::vector<uint8_t> values = files::random_bytes(static_cast<size_t>(in), 5);
    const std::vector<double> expected = resized_axis({values.begin(), values.end()}, out);
    const Image row = gray_row(values), column{in, 1, row.pixels};
    const std::vector<uint8_t> along = first_channel(resize(row, 1, out)), down = first_channel(resize(column, out, 1));
    ASSERT_EQ(along.size(), static_cast<size_t>(out));
    EXPECT_EQ(along, down);
    for (size_t i = 0; i < along.size(); ++i) EXPECT_LE(std::fabs(along[i] - expected[i]), 0.5 + 1e-2) << i;
  }
}

TEST(Resize, ColumnsThenRowsAndChannelsIndependent) {
  const Image in{31, 47, files::random_bytes(31 * 47 * 3, 8)};
  EXPECT_EQ(resize(in, 13, 17).pixels, resize(resize(in, 31, 17), 13, 17).pixels);
  for (size_t channel = 0; channel < 3; ++channel) {
    Image alone = in;
    for (size_t at = 0; at < alone.pixels.size(); ++at) alone.pixels[at] = in.pixels[at - at % 3 + channel];
    const Image whole = resize(in, 13, 17), part = resize(alone, 13, 17);
    for (size_t at = channel; at < whole.pixels.size(); at += 3) ASSERT_EQ(whole.pixels[at], part.pixels[at]);
  }
}

TEST(Resize, AConstantImageStaysConstantAndTheSameSizeIsACopy) {
  for (const uint8_t value : {0, 1, 127, 254, 255}) {
    const Image flat{37, 53, std::vector<uint8_t>(37 * 53 * 3, value)};
    for (const int64_t edge : {1, 8, 32, 101}) {
      const Image got = resize(flat, edge, edge);
      EXPECT_EQ(got.pixels, std::vector<uint8_t>(static_cast<size_t>(edge * edge * 3), value)) << "edge " << edge;
    }
  }
  const Image noise{5, 9, files::random_bytes(5 * 9 * 3, 1)};
  EXPECT_EQ(resize(noise, 5, 9).pixels, noise.pixels);
}

TEST(Resize, BadInput) {
  const Image good{2, 2, std::vector<uint8_t>(12)};
  EXPECT_NE(message_of([&] { resize(good, 0, 4); }).find("at least 1"), std::string::npos);
  EXPECT_NE(message_of([&] { resize({0, 0, {}}, 4, 4); }).find("0 x 0"), std::string::npos);
  EXPECT_NE(message_of([&] { resize({2, 3, std::vector<uint8_t>(12)}, 4, 4); }).find("12 bytes"), std::string::npos);
}

}  // namespace
