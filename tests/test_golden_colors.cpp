// Color operations against Pillow's ImageEnhance, bit for bit, and hue rotation against colorsys.

#include "nn/data/augment.h"
#include "tests/golden.h"
#include "tests/golden_formula.h"

namespace {

using namespace golden;

std::vector<uint8_t> bytes_of(const Tensor& tensor) { return {tensor.data<uint8_t>(), tensor.data<uint8_t>() + tensor.numel()}; }

TEST(GoldenColors, Pillow) {
  const File file("colors");
  const std::vector<int64_t> size = file.integers("size");
  const std::vector<uint8_t> source = image("colours", size[0], size[1]);
  const int64_t pixels = size[0] * size[1];
  const std::vector<double> factors = file["factors"].to_vector();
  using Change = void (*)(uint8_t*, int64_t, float);
  const std::vector<std::pair<std::string, Change>> changes = {
      {"brightness", nn::change_brightness}, {"contrast", nn::change_contrast}, {"saturation", nn::change_saturation}};
  for (const auto& [name, change] : changes)
    for (size_t i = 0; i < factors.size(); ++i) {
      std::vector<uint8_t> got = source;
      change(got.data(), pixels, static_cast<float>(factors[i]));
      EXPECT_EQ(got, bytes_of(file[fmt::format("{}.{}", name, i)])) << name << " " << factors[i];
    }
  std::vector<uint8_t> gray = source;
  nn::make_gray(gray.data(), pixels);
  EXPECT_EQ(gray, bytes_of(file["gray"]));
}

TEST(GoldenColors, Hue) {
  const File file("colors");
  const std::vector<int64_t> size = file.integers("size");
  const std::vector<uint8_t> source = image("colours", size[0], size[1]);
  const std::vector<double> turns = file["turns"].to_vector();
  for (size_t i = 0; i < turns.size(); ++i) {
    std::vector<uint8_t> got = source;
    nn::change_hue(got.data(), size[0] * size[1], static_cast<float>(turns[i]));
    const std::vector<uint8_t> expected = bytes_of(file[fmt::format("hue.{}", i)]);
    int different = 0;
    for (size_t at = 0; at < got.size(); ++at) {
      ASSERT_LE(std::abs(got[at] - expected[at]), 1) << "byte " << at << ", turned by " << turns[i];  // halves may round either way
      different += got[at] != expected[at];
    }
    EXPECT_LE(different, static_cast<int>(got.size()) / 10) << turns[i];  // a quarter turn makes many halves
    if (turns[i] == 0) {
      EXPECT_EQ(got, source);
    }
  }
}

}  // namespace
