// Antialiased bilinear resize against Pillow.

#include "nn/data/resize.h"
#include "tests/golden.h"
#include "tests/golden_formula.h"

namespace {

using namespace golden;

TEST(GoldenResize, Pillow) {
  const File file("resize");
  const int cases = file.cases("", ".params");
  EXPECT_GE(cases, 16);
  for (int i = 0; i < cases; ++i) {
    const std::string key = std::to_string(i) + ".";
    const std::vector<int64_t> params = file.integers(key + "params");
    const int64_t height = params[0], width = params[1], new_height = params[2], new_width = params[3];
    SCOPED_TRACE(fmt::format("case {}: {}x{} -> {}x{}", i, height, width, new_height, new_width));
    nn::Image source{height, width, image("resize." + std::to_string(i), height, width)};
    if (params[4] != 0)  // gray: the first channel three times
      for (size_t at = 0; at < source.pixels.size(); ++at) source.pixels[at] = source.pixels[at - at % 3];
    const nn::Image got = nn::resize(source, new_height, new_width);
    ASSERT_EQ(got.height, new_height);
    ASSERT_EQ(got.width, new_width);
    const Tensor& expected = file[key + "pixels"];
    ASSERT_EQ(static_cast<int64_t>(got.pixels.size()), expected.numel());
    // Both sides use integer arithmetic: the bytes must be equal.
    for (int64_t at = 0; at < expected.numel(); ++at)
      ASSERT_EQ(static_cast<int>(got.pixels[at]), static_cast<int>(expected.data<uint8_t>()[at])) << "byte " << at;
  }
}

// Resize(short side) and CenterCrop(size) as in torchvision, on top of Pillow's resize.
TEST(GoldenResize, ShortSideAndCenterCrop) {
  const File file("resize");
  const int cases = file.cases("framed.", ".params");
  EXPECT_GE(cases, 13);
  for (int i = 0; i < cases; ++i) {
    const std::string key = fmt::format("framed.{}", i);
    const std::vector<int64_t> params = file.integers(key + ".params");
    SCOPED_TRACE(fmt::format("case {}: {}x{}, short side {}, crop {}", i, params[0], params[1], params[3], params[2]));
    const nn::Image source{params[0], params[1], image(key, params[0], params[1])};
    const nn::Image got = nn::framed(source, {.size = params[2], .crop = nn::Crop::center, .short_side = params[3]});
    const Tensor& expected = file[key + ".pixels"];
    ASSERT_EQ(static_cast<int64_t>(got.pixels.size()), expected.numel());
    for (int64_t at = 0; at < expected.numel(); ++at)
      ASSERT_EQ(static_cast<int>(got.pixels[at]), static_cast<int>(expected.data<uint8_t>()[at])) << "byte " << at;
  }
}

}  // namespace
