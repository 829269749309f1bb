#include "mode/detectors/features.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "mode/evaluation/metrics.h"
#include "nn/resnet.h"
#include "tests/errors.h"

namespace {

using mode::extract_features;
using mode::Features;
using tensor::Tensor;

// Seven small images of stripes; the one at `bright` is white, all others are black where `bright` is set.
class Stripes : public nn::Dataset {
 public:
  explicit Stripes(int64_t count, int64_t bright = -1) : count_(count), bright_(bright) {
    framing_.size = 16;
    spec_ = "stripes:";
  }
  int64_t size() const override { return count_; }
  int64_t label(int64_t index) const override { return index % 3; }
  std::string image_name(int64_t index) const override { return fmt::format("stripe {}", index); }
  void read(int64_t index, uint8_t* pixels) const override {
    for (int64_t at = 0; at < 16 * 16 * 3; ++at)
      pixels[at] = static_cast<uint8_t>(bright_ >= 0 ? (index == bright_ ? 255 : 0) : (at * (index + 3) / 5) % 251);
  }

 private:
  int64_t count_, bright_;
};

struct FeaturesTest : testing::Test {
  std::unique_ptr<nn::ResNet> net = nn::make_resnet("resnet8", {.classes = 5, .shortcut = nn::Shortcut::option_a, .seed = 3});
  nn::Preprocessing preprocessing{.size = 16};
};

void expect_close(const Tensor& got, const Tensor& expected) {
  ASSERT_EQ(got.shape(), expected.shape());
  const std::vector<double> a = got.to_vector(), b = expected.to_vector();
  for (size_t at = 0; at < a.size(); ++at) EXPECT_NEAR(a[at], b[at], 1e-5 * (1 + std::abs(b[at]))) << at;
}

TEST_F(FeaturesTest, TheOrderOfTheSetWithALastPartialBatch) {
  const Stripes stripes(7);
  std::vector<std::pair<int64_t, int64_t>> seen;
  net->train();
  const std::vector<double> mean_before = net->named_buffers().front().tensor->to_vector();
  const Features whole = extract_features(*net, stripes, preprocessing, 7);
  const Features parts =
      extract_features(*net, stripes, preprocessing, 3, [&](int64_t done, int64_t total) { seen.emplace_back(done, total); });
  EXPECT_FALSE(net->training());
  EXPECT_EQ(net->named_buffers().front().tensor->to_vector(), mean_before);
  EXPECT_EQ(seen, (std::vector<std::pair<int64_t, int64_t>>{{3, 7}, {6, 7}, {7, 7}}));

  EXPECT_EQ(parts.size(), 7);
  EXPECT_EQ(parts.regions.shape(), (tensor::Shape{7, 6, 64}));  // a 4 x 4 map
  EXPECT_EQ(parts.logits.shape(), (tensor::Shape{7, 5}));
  EXPECT_EQ(parts.ids.to_vector(), (std::vector<double>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(parts.labels.to_vector(), (std::vector<double>{0, 1, 2, 0, 1, 2, 0}));
  EXPECT_EQ(parts.image_names[6], "stripe 6");
  EXPECT_EQ(parts.scales[5].name, "center");
  expect_close(parts.regions, whole.regions);
  expect_close(parts.logits, whole.logits);
  EXPECT_NE(parts.logits.rows(0, 1).to_vector(), parts.logits.rows(1, 2).to_vector());
}

TEST_F(FeaturesTest, RegionsAreMeansOfTheMap) {
  const Stripes stripes(1);
  const Features features = extract_features(*net, stripes, preprocessing, 4);
  Tensor image({1, 16, 16, 3});
  std::vector<uint8_t> pixels(16 * 16 * 3);
  stripes.read(0, pixels.data());
  for (size_t at = 0; at < pixels.size(); ++at)
    image.data<float>()[at] = static_cast<float>((pixels[at] / 255.0 - preprocessing.mean[at % 3]) / preprocessing.std[at % 3]);
  net->eval();
  const nn::ResNetOutput output = (*net)(image);
  expect_close(features.logits, output.logits.value());
  expect_close(features.regions.reshape(tensor::Shape{6, 64}).rows(0, 1), output.features.value());
  const float* map = output.feature_map.value().data<float>();
  for (int64_t c = 0; c < 64; ++c) {
    double center = 0, last_quadrant = 0;
    for (int64_t row = 0; row < 4; ++row)
      for (int64_t column = 0; column < 4; ++column) {
        const double value = map[(row * 4 + column) * 64 + c] / 4.0;
        if (row % 3 > 0 && column % 3 > 0) center += value;
        if (row > 1 && column > 1) last_quadrant += value;
      }
    EXPECT_NEAR(features.regions.data<float>()[5 * 64 + c], center, 1e-5 * (1 + center));
    EXPECT_NEAR(features.regions.data<float>()[4 * 64 + c], last_quadrant, 1e-5 * (1 + last_quadrant));
  }
}

TEST_F(FeaturesTest, ANumberThatIsNotFiniteNamesTheImage) {
  for (double& mean : preprocessing.mean) mean = 0;
  for (double& deviation : preprocessing.std) deviation = 3e-39;
  expect_error([&] { extract_features(*net, Stripes(7, 4), preprocessing, 3); }, "stripes:: image stripe 4 gives a");
}

TEST_F(FeaturesTest, AnEmptySetIsAnError) {
  EXPECT_THROW(extract_features(*net, Stripes(0), preprocessing, 3), tensor::Error);
  EXPECT_THROW(extract_features(*net, Stripes(2), preprocessing, 0), tensor::Error);
}

TEST_F(FeaturesTest, Accuracy) {
  Features features = extract_features(*net, Stripes(4), preprocessing, 4);
  features.logits =
      Tensor::from<float>({0, 1, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 9, 0, 0, 1, 0, 0, 0, 0}, {4, 5});  // 1, 1 (the first of two), 2, 0
  EXPECT_DOUBLE_EQ(mode::accuracy(features), 0.75);                                               // labels 0 1 2 0
}

}  // namespace
