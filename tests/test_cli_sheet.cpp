// `mode info --data ... --sheet`: a PNG that reads back.

#include "nn/data/augment.h"
#include "nn/data/dataset.h"
#include "nn/data/image_io.h"
#include "tests/command.h"

namespace {

using command::run;

TEST(CliSheet, ShowsImagesAndTheirViews) {
  const TemporaryDirectory directory;
  const std::string path = directory / "sheet.png", spec = "synthetic:shapes?split=test&limit=9";
  const command::Result result = run({"info", "--data", spec, "--sheet", path, "--augment", "contrastive", "--views", "3", "--pictures",
                                      "5", "--seed", "4", "--epoch", "2"});
  ASSERT_EQ(result.status, 0) << result.err;
  const nn::Image sheet = nn::decode_image(path);
  ASSERT_EQ(sheet.height, 5 * 100 + 4);
  ASSERT_EQ(sheet.width, 4 * 100 + 4);
  // Row 3, column 2 is view 1 of image 3, every pixel three times as large.
  const auto dataset = nn::open_dataset(spec);
  std::vector<uint8_t> source(32 * 32 * 3), view(source.size());
  dataset->read(3, source.data());
  nn::augment_by_name("contrastive")(source.data(), 32, view.data(), 32, {4, 2, 3, 1});
  const auto pixel = [&](int64_t y, int64_t x) { return sheet.pixels.data() + (y * sheet.width + x) * 3; };
  for (int64_t y = 0; y < 32; ++y)
    for (int64_t x = 0; x < 32; ++x)
      for (int channel = 0; channel < 3; ++channel) {
        ASSERT_EQ(pixel(4 + 3 * 100 + 3 * y + 1, 4 + 3 * x + 2)[channel], source[(y * 32 + x) * 3 + channel]);
        ASSERT_EQ(pixel(4 + 3 * 100 + 3 * y, 4 + 2 * 100 + 3 * x)[channel], view[(y * 32 + x) * 3 + channel]);
      }
  EXPECT_EQ(*pixel(0, 0), 255);
}

TEST(CliSheet, OfTheSetAlone) {
  const TemporaryDirectory directory;
  const command::Result result =
      run({"info", "--data", "synthetic:textures", "--size", "64", "--sheet", directory / "s.png", "--augment", "none"});
  ASSERT_EQ(result.status, 0) << result.err;
  const nn::Image sheet = nn::decode_image(directory / "s.png");
  EXPECT_EQ(sheet.width, 4 + 128 + 4);
  EXPECT_EQ(sheet.height, 4 + 8 * 132);
}

TEST(CliSheet, RefusesWhatCannotBe) {
  const std::string spec = "synthetic:shapes";
  command::expect_one_line(run({"info", "--sheet", "sheet.png"}), 2, "--data");
  command::expect_one_line(run({"info", "--data", spec, "--sheet", "/nowhere/sheet.png"}), 1, "/nowhere/sheet.png");
  command::expect_one_line(run({"info", "--data", spec, "--sheet", "s.png", "--augment", "mixup"}), 2, "--augment");
  command::expect_one_line(run({"info", "--data", spec, "--sheet", "s.png", "--views", "256"}), 1, "fewer --images or --views");
}

}  // namespace
