// The synthetic datasets: every machine draws the same bytes, and the images match their names.

#include "nn/data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "nn/data/canvas.h"
#include "nn/data/resize.h"
#include "tests/errors.h"
#include "tests/image_files.h"

namespace {

using nn::open_dataset;

std::vector<uint8_t> read(const nn::Dataset& dataset, int64_t index) {
  std::vector<uint8_t> pixels(static_cast<size_t>(dataset.image_size() * dataset.image_size() * 3));
  dataset.read(index, pixels.data());
  return pixels;
}

uint64_t hash_of(const std::string& spec, int64_t images, int64_t size) {
  const auto dataset = open_dataset(spec, {size});
  std::string bytes;
  for (int64_t index = 0; index < images; ++index) {
    const std::vector<uint8_t> pixels = read(*dataset, index);
    bytes.append(pixels.begin(), pixels.end());
  }
  return tensor::counter_of(bytes);
}

// These numbers change only with the dataset itself, which invalidates every published result on it.
TEST(Synthetic, ImagesAreFixed) {
  struct Fixed {
    const char* spec;
    int64_t size;
    uint64_t hash;
  };
  const Fixed all[] = {
      {"synthetic:shapes?split=train", 32, 0xd73ed5d5a8c7de40u},
      {"synthetic:shapes?split=test", 32, 0xb4ee738e78bd2c0au},
      {"synthetic:shapes?split=train", 64, 0x0fbd8ed635f27ad3u},
      {"synthetic:shapes?split=train&seed=2", 32, 0x99977579c6ef2392u},
      {"synthetic:unseen-shapes", 32, 0xc590326c7882e220u},
      {"synthetic:textures", 32, 0x816f4f258caa1ac8u},
      {"synthetic:scenes", 32, 0xa51fd5eceb9337feu},
      {"synthetic:noise", 32, 0x399730cecc066053u},
      {"synthetic:strokes", 32, 0x6fb884a6a2b7d1d1u},
  };
  for (const Fixed& fixed : all)
    EXPECT_EQ(hash_of(fixed.spec, 64, fixed.size), fixed.hash)
        << fixed.spec << " at " << fixed.size << fmt::format(": {:#018x}", hash_of(fixed.spec, 64, fixed.size));
}

TEST(Synthetic, Sizes) {
  EXPECT_EQ(open_dataset("synthetic:")->size(), 4000);
  EXPECT_EQ(open_dataset("synthetic:shapes?split=test")->size(), 1000);
  EXPECT_EQ(open_dataset("synthetic:shapes?size=7")->size(), 7);
  EXPECT_EQ(open_dataset("synthetic:shapes?size=7&limit=3")->size(), 3);
  EXPECT_EQ(open_dataset("synthetic:shapes?size=50000")->size(), 50'000);
  const auto shapes = open_dataset("synthetic:shapes");
  ASSERT_EQ(shapes->classes(), 10);
  for (int64_t i = 0; i < 30; ++i) EXPECT_EQ(shapes->label(i), i % 10);
  EXPECT_EQ(shapes->class_names()[4], "star");
  EXPECT_EQ(shapes->image_name(12), "shapes/train#12");
  const std::vector<std::string> ood = nn::synthetic_ood_sets();
  EXPECT_EQ(ood, (std::vector<std::string>{"unseen-shapes", "textures", "scenes", "noise", "strokes"}));
  for (const std::string& name : ood) {
    const auto dataset = open_dataset("synthetic:" + name);
    EXPECT_EQ(dataset->size(), 1000);
    EXPECT_EQ(dataset->classes(), 0);
    EXPECT_EQ(dataset->label(0), -1);
  }
}

TEST(Synthetic, BadNames) {
  const auto fault = [](const std::string& spec) { return message_of([&] { open_dataset(spec); }); };
  EXPECT_NE(fault("synthetic:cats").find("unknown dataset 'cats'; known: shapes, unseen-shapes, textures, scenes, noise, strokes"),
            std::string::npos);
  EXPECT_NE(fault("synthetic:shapes?size=50001").find("from 1 to 50000"), std::string::npos);
  EXPECT_NE(fault("synthetic:shapes?seed=-1").find("seed=-1"), std::string::npos);
  EXPECT_THROW(open_dataset("synthetic:shapes?size=3")->label(3), tensor::Error);
}

TEST(Synthetic, AnImageIsAFunctionOfNameSplitSeedAndIndex) {
  std::vector<std::string> specs = {"synthetic:shapes", "synthetic:shapes?split=test", "synthetic:shapes?seed=2"};
  for (const std::string& name : nn::synthetic_ood_sets()) specs.push_back("synthetic:" + name);
  std::set<std::string> images;
  for (const std::string& spec : specs) {
    const auto dataset = open_dataset(spec), limited = open_dataset(spec + (spec.find('?') == std::string::npos ? "?" : "&") + "size=51");
    for (int64_t index = 0; index < 50; ++index) {
      const std::vector<uint8_t> pixels = read(*dataset, index);
      EXPECT_TRUE(images.emplace(pixels.begin(), pixels.end()).second) << spec << " " << index;
    }
    EXPECT_EQ(read(*limited, 50), read(*dataset, 50));
    EXPECT_EQ(read(*dataset, 7), read(*dataset, 7));
  }
}

// All sizes show the same scene: a large image, resized, is close to the small one except for noise.
TEST(Synthetic, AnySize) {
  const auto small = open_dataset("synthetic:shapes", {32}), large = open_dataset("synthetic:shapes", {96});
  double sum = 0;
  for (int64_t index = 0; index < 20; ++index) {
    const std::vector<uint8_t> expected = read(*small, index), shrunk = nn::resize({96, 96, read(*large, index)}, 32, 32).pixels;
    for (size_t at = 0; at < expected.size(); ++at) sum += std::abs(expected[at] - shrunk[at]);
  }
  EXPECT_LE(sum / (20 * 3072), 12);
  for (const int64_t edge : {1, 2, 7}) {
    EXPECT_NO_THROW(read(*open_dataset("synthetic:shapes", {edge}), 3));
    for (const std::string& name : nn::synthetic_ood_sets()) EXPECT_NO_THROW(read(*open_dataset("synthetic:" + name, {edge}), 3)) << name;
  }
}

// The object's color gives no hint of the class.
TEST(Synthetic, ClassesHaveTheSameColors) {
  const auto dataset = open_dataset("synthetic:shapes");
  std::vector<double> mean(10);
  for (int64_t index = 0; index < 1000; ++index) {
    double sum = 0;
    for (const uint8_t value : read(*dataset, index)) sum += value;
    mean[index % 10] += sum / 3072 / 100;
  }
  const auto [least, most] = std::minmax_element(mean.begin(), mean.end());
  EXPECT_LE(*most - *least, 30);
}

TEST(Canvas, CircleIsAccurate) {
  for (int i = -40; i <= 80; ++i) {
    const double turns = i / 37.0;
    const nn::synthetic::Point point = nn::synthetic::on_circle(turns);
    EXPECT_NEAR(point.x, std::cos(2 * M_PI * turns), 1e-9);
    EXPECT_NEAR(point.y, std::sin(2 * M_PI * turns), 1e-9);
  }
}

// The sum of the coverage is the area at any position, with holes, and clipped to the image.
TEST(Canvas, CoverageIsTheArea) {
  using namespace nn::synthetic;
  const auto covered = [](const Outline& outline) {
    Rng rng(1, 1);
    Canvas canvas(40);
    const Color black = {0, 0, 0}, white = {1, 1, 1};
    canvas.fill(Texture(Texture::Kind::plain, black, black, rng));
    canvas.draw(outline, Texture(Texture::Kind::plain, white, white, rng));
    double sum = 0;
    for (int64_t row = 0; row < 40; ++row)
      for (int64_t column = 0; column < 40; ++column) {
        EXPECT_GE(canvas.at(row, column)[0], 0);
        EXPECT_LE(canvas.at(row, column)[0], 1);
        sum += canvas.at(row, column)[0];
      }
    return sum / 1600;
  };
  EXPECT_NEAR(covered({{{0.2, 0.3}, {0.61, 0.3}, {0.61, 0.85}, {0.2, 0.85}}}), 0.41 * 0.55, 1e-3);
  EXPECT_NEAR(covered({{{0.1, 0.1}, {0.9, 0.2}, {0.4, 0.8}}}), 0.5 * (0.8 * 0.7 - 0.3 * 0.1), 2e-3);
  EXPECT_NEAR(covered({{{-1, -1}, {0.5, -1}, {0.5, 3}, {-1, 3}}}), 0.5, 1e-6);
  EXPECT_NEAR(covered({{{2, 2}, {3, 2}, {3, 3}}}), 0, 1e-9);
  EXPECT_NEAR(covered({}), 0, 1e-9);
  const Outline& ring = known_outlines()[3].outline;
  EXPECT_NEAR(covered(placed(ring, {{0.5, 0.5}, 0.4, 0.3, 0.1})), 0.4 * 0.3 * M_PI * (0.95 * 0.95 - 0.25), 5e-3);
}

TEST(Outlines, NamesAreDistinctAndPointsWithinTheUnitCircle) {
  std::set<std::string> names;
  for (const auto* outlines : {&nn::synthetic::known_outlines(), &nn::synthetic::unseen_outlines()}) {
    ASSERT_EQ(outlines->size(), 10u);
    for (const auto& [name, outline] : *outlines) {
      EXPECT_TRUE(names.insert(name).second) << name;
      for (const auto& contour : outline)
        for (const auto& point : contour) EXPECT_LE(point.x * point.x + point.y * point.y, 1.7) << name;
    }
  }
}

}  // namespace
