#include "mode/detectors/detectors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tensor/philox.h"
#include "tests/errors.h"

namespace {

using mode::Features;
using mode::make_detector;
using tensor::Tensor;

Features with_regions(const std::vector<float>& values, int64_t n, int64_t scales, int64_t width) {
  Features features;
  features.regions = Tensor::from<float>(values, {n, scales, width});
  features.logits = Tensor::zeros({n, 2});
  features.labels = Tensor::zeros({n}, tensor::Dtype::i64);
  features.ids = Tensor({n}, tensor::Dtype::i64);
  for (int64_t at = 0; at < n; ++at) {
    features.ids.data<int64_t>()[at] = at;
    features.image_names.push_back(fmt::format("image {}", at));
  }
  for (int64_t scale = 0; scale < scales; ++scale)
    features.scales.push_back({fmt::format("scale {}", scale), {0, 0, 1, 1}, scale == 0 ? "global" : "quadrants"});
  return features;
}

std::vector<double> scores(const std::string& method, const Features& train, const Features& test,
                           const mode::DetectorOptions& options = {}) {
  const auto detector = make_detector(method, options);
  EXPECT_EQ(detector->name(), method);
  detector->fit(train);
  const Tensor result = detector->score(test);
  EXPECT_EQ(result.shape(), (tensor::Shape{test.size()}));
  EXPECT_EQ(result.dtype(), tensor::Dtype::f64);
  return result.to_vector();
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t at = 0; at < got.size(); ++at) EXPECT_NEAR(got[at], expected[at], tolerance) << at;
}

TEST(Detectors, LogitScoresByHand) {
  Features features = with_regions(std::vector<float>(4, 1.0f), 4, 1, 1);
  const float log3 = std::log(3.0f);
  features.logits = Tensor::from<float>({0, log3, 5, 5, -1000, 1000, 80, 0}, {4, 2});
  expect_near(scores("msp", features, features), {.75, .5, 1, 1}, 1e-7);
  expect_near(scores("maxlogit", features, features), {log3, 5, 1000, 80}, 0);
  expect_near(scores("energy", features, features), {std::log(4.0), 5 + std::log(2.0), 1000, 80}, 1e-6);
}

// In float both would be 1.
TEST(Detectors, ConfidentImagesKeepTheirOrder) {
  Features features = with_regions({1, 1}, 2, 1, 1);
  features.logits = Tensor::from<float>({0, 20, 0, 25}, {2, 2});
  const std::vector<double> msp = scores("msp", features, features);
  EXPECT_LT(msp[0], msp[1]);
  EXPECT_LT(msp[1], 1);
}

// Unit vectors in the plane at given degrees: |a - b|^2 = 2 - 2 cos(angle between).
std::vector<float> at_degrees(const std::vector<double>& degrees, float length = 1) {
  std::vector<float> values;
  for (const double angle : degrees) {
    values.push_back(length * static_cast<float>(std::cos(angle * M_PI / 180)));
    values.push_back(length * static_cast<float>(std::sin(angle * M_PI / 180)));
  }
  return values;
}
double chord(double degrees) { return 2 - 2 * std::cos(degrees * M_PI / 180); }

TEST(Detectors, NeighborsByHand) {
  // Bank: image 0 at 0 (global) and 90 degrees, image 1 at 10 and 100, image 2 at 30 and 180. Lengths do not matter.
  const Features train = with_regions(at_degrees({0, 90, 10, 100, 30, 180}, 7), 3, 2, 2);
  const Features test = with_regions(at_degrees({4, 250, 60, 97}, 0.01f), 2, 2, 2);
  mode::DetectorOptions options;
  options.knn.k = 2;
  options.csd.k = 2;
  // knn sees global vectors: image 0 at 4 against {0, 10, 30}, the 2nd is 10, 6 away; image 1 at 60: 30, then 10, 50 away.
  expect_near(scores("knn", train, test, options), {-chord(6), -chord(50)}, 1e-5);
  // csd: image 0: 4 -> 0, then 10, 6 away; 250 -> 180, then 100, 150 away: the minimum is 6. Image 1: 60 -> 30 and 90, both 30 away;
  // 97 -> 100, then 90, 7 away. A test scale matched bank rows of another scale.
  expect_near(scores("csd", train, test, options), {-chord(6), -chord(7)}, 1e-5);
  options.csd.k = 6;  // every row, so the farthest: 176 and 160 (250 to 90) degrees; 120 and 97
  expect_near(scores("csd", train, test, options), {-chord(160), -chord(97)}, 1e-5);
}

// The same images as above, under the options of the ablations.
TEST(Detectors, NeighborOptionsByHand) {
  const Features train = with_regions(at_degrees({0, 90, 10, 100, 30, 180}), 3, 2, 2);
  const Features test = with_regions(at_degrees({4, 250, 60, 97}), 2, 2, 2);
  using Options = mode::NeighborOptions;
  const auto scores_with = [&](const Options& options) {
    const auto detector = mode::make_neighbor_detector("csd", options);
    detector->fit(train);
    return detector->score(test).to_vector();
  };
  // Each against its own scale, K = 2. Image 0: 4 among {0, 10, 30}: 6 away; 250 among {90, 100, 180}: 150. Image 1: 60: 50; 97: 7.
  expect_near(scores_with({.k = 2, .cross = false}), {-chord(6), -chord(7)}, 1e-5);
  expect_near(scores_with({.k = 2, .cross = false, .reduce = Options::Reduce::max}), {-chord(150), -chord(50)}, 1e-5);
  expect_near(scores_with({.k = 2, .cross = false, .reduce = Options::Reduce::mean}),
              {-(chord(6) + chord(150)) / 2, -(chord(50) + chord(7)) / 2}, 1e-5);
  // All scales together: 4: 6 away; 250: 180, then 0, 110 away. 60: 30; 97: 7.
  expect_near(scores_with({.k = 2, .reduce = Options::Reduce::max}), {-chord(110), -chord(30)}, 1e-5);
  expect_near(scores_with({.k = 2, .reduce = Options::Reduce::mean}), {-(chord(6) + chord(110)) / 2, -(chord(30) + chord(7)) / 2}, 1e-5);
  // One set of scales alone.
  expect_near(scores_with({.k = 2, .scale_sets = {"quadrants"}}), {-chord(150), -chord(7)}, 1e-5);
}

TEST(Detectors, SaysWhatDecided) {
  Features train = with_regions(at_degrees({0, 90, 10, 100, 30, 180}), 3, 2, 2);
  train.labels = Tensor::from<int64_t>({7, 8, 9}, {3});
  const Features test = with_regions(at_degrees({4, 250, 60, 97}), 2, 2, 2);
  using Reduce = mode::NeighborOptions::Reduce;
  const auto decisions_with = [&](bool cross, Reduce reduce) {
    const auto detector = mode::make_neighbor_detector("csd", {.k = 2, .cross = cross, .reduce = reduce});
    detector->fit(train);
    std::vector<mode::Decision> decisions;
    detector->score(test, &decisions);
    return decisions;
  };
  // Image 0: 4 is nearer than 250, and 0 (image 0) is nearest to it. Image 1: 97, nearest to 100 (image 1's scale 1).
  for (const bool cross : {true, false}) {
    const std::vector<mode::Decision> nearest = decisions_with(cross, Reduce::min);
    ASSERT_EQ(nearest.size(), 2u);
    EXPECT_EQ(nearest[0].scale + ", " + nearest[0].image + ", " + nearest[0].neighbor_scale, "scale 0, image 0, scale 0");
    EXPECT_EQ(nearest[0].label, 7);
    EXPECT_EQ(nearest[1].scale + ", " + nearest[1].image + ", " + nearest[1].neighbor_scale, "scale 1, image 1, scale 1");
    EXPECT_EQ(nearest[1].label, 8);
  }
  // The farther vector: 250, nearest to 180 (image 2's scale 1); 60, nearest to 30 and 90, the smaller row first.
  const std::vector<mode::Decision> farthest = decisions_with(true, Reduce::max);
  EXPECT_EQ(farthest[0].scale + ", " + farthest[0].image + ", " + farthest[0].neighbor_scale, "scale 1, image 2, scale 1");
  EXPECT_EQ(farthest[1].scale, "scale 0");
  EXPECT_TRUE(decisions_with(true, Reduce::mean).empty());
}

TEST(Detectors, ASmallerBank) {
  const Features train = with_regions(at_degrees({0, 90, 10, 100, 30, 180}), 3, 2, 2);
  for (const auto choice : {mode::BankChoice::random, mode::BankChoice::kcenter}) {
    const auto detector = mode::make_neighbor_detector("csd", {.k = 2, .bank_rows = 3, .bank_choice = choice});
    detector->fit(train);
    EXPECT_EQ(detector->settings(),
              fmt::format("K = 2, 2 scales, bank of 3 rows of 6 ({})", choice == mode::BankChoice::random ? "random" : "k-center"));
    EXPECT_EQ(detector->score(train).numel(), 3);
  }
  const auto apart = mode::make_neighbor_detector("csd", {.k = 1, .cross = false, .bank_rows = 2});
  apart->fit(train);
  EXPECT_EQ(apart->settings(), "K = 1, 2 scales, bank of 4 rows of 6 (random), same scale");
}

TEST(Detectors, CsdWithOneScaleIsKnn) {
  std::vector<float> train(40 * 3), test(11 * 3);
  for (size_t at = 0; at < train.size(); ++at) train[at] = tensor::uniform(tensor::philox(1, tensor::Stream::test, at)[0]) - 0.3f;
  for (size_t at = 0; at < test.size(); ++at) test[at] = tensor::uniform(tensor::philox(2, tensor::Stream::test, at)[0]) - 0.3f;
  mode::DetectorOptions options;
  options.knn.k = options.csd.k = 7;
  EXPECT_EQ(scores("csd", with_regions(train, 40, 1, 3), with_regions(test, 11, 1, 3), options),
            scores("knn", with_regions(train, 40, 1, 3), with_regions(test, 11, 1, 3), options));
}

TEST(Detectors, ItsOwnTrainingImagesScoreZero) {
  const Features train = with_regions(at_degrees({0, 90, 10, 100, 30, 180}, 3), 3, 2, 2);
  mode::DetectorOptions options;
  options.csd.k = 1;
  EXPECT_EQ(scores("csd", train, train, options), (std::vector<double>{0, 0, 0}));
}

TEST(Detectors, SettingsStateWhatWasUsed) {
  mode::DetectorOptions options;
  EXPECT_EQ(make_detector("msp")->settings(), "");
  EXPECT_EQ(make_detector("energy")->settings(), "temperature 1");
  EXPECT_EQ(make_detector("knn")->settings(), "K = 50, global");
  options.csd.k = 3;
  const auto detector = make_detector("csd", options);
  detector->fit(with_regions(at_degrees({0, 90, 10, 100}), 2, 2, 2));
  EXPECT_EQ(detector->settings(), "K = 3, 2 scales, bank of 4 rows");
}

TEST(Detectors, Errors) {
  expect_error([] { make_detector("mahalanobos"); }, "known methods: msp, maxlogit, energy, knn, csd");
  const Features train = with_regions(at_degrees({0, 90, 10, 100}), 2, 2, 2);
  expect_error([&] { make_detector("csd")->fit(train); }, "K = 10, but the bank has only 4 rows (2 images x 2 scales)");
  expect_error([&] { make_detector("knn")->fit(train); }, "K = 50, but the bank has only 2 rows");
  expect_error([&] { make_detector("csd", {.csd = {.k = 0}}); }, "K = 0");
  expect_error([&] { make_detector("csd")->score(train); }, "score before fit");
  const auto detector = make_detector("csd", {.csd = {.k = 2}});
  detector->fit(train);
  expect_error([&] { detector->score(with_regions({1, 2, 3, 4, 5, 6}, 1, 2, 3)); }, "features of 3 numbers, the bank's have 2");
  expect_error([&] { detector->score(with_regions({1, 2}, 1, 1, 2)); }, "other scales than the bank");
  expect_error([] { mode::make_neighbor_detector("csd", {.scale_sets = {"halves"}}); },
               "known sets: global, quadrants, center, grid3, all");
  expect_error([&] { mode::make_neighbor_detector("csd", {.k = 1, .scale_sets = {"grid3"}})->fit(train); }, "none of the scales grid3");
  expect_error([&] { mode::make_neighbor_detector("csd", {.k = 3, .cross = false})->fit(train); }, "only 2 rows (2 images x 1 scales)");
  expect_error([&] { mode::make_neighbor_detector("csd", {.k = 3, .bank_rows = 2})->fit(train); }, "only 2 rows of the bank are kept");
  EXPECT_EQ(mode::known_methods(), (std::vector<std::string>{"msp", "maxlogit", "energy", "knn", "csd"}));
}

}  // namespace
