// Metrics against scikit-learn and an independent reading of their definition; logit detectors against SciPy.

#include "mode/detectors/detectors.h"
#include "mode/evaluation/metrics.h"
#include "tests/golden.h"

namespace {

using namespace golden;

TEST(GoldenMetrics, BothFamilies) {
  const File file("metrics");
  const int cases = file.cases("", ".id");
  EXPECT_GE(cases, 11);
  for (int i = 0; i < cases; ++i) {
    const std::string key = std::to_string(i) + ".";
    SCOPED_TRACE("case " + std::to_string(i));
    const mode::Metrics got = mode::evaluate_scores(file[key + "id"].to_vector(), file[key + "ood"].to_vector());
    EXPECT_TRUE(got.valid) << got.flag;
    const std::vector<double> paper = file[key + "paper"].to_vector(), openood = file[key + "openood"].to_vector();
    ASSERT_EQ(paper.size(), 5u);
    ASSERT_EQ(openood.size(), 3u);
    // Sums of at most 400 numbers below 1, in double.
    const double allowed = 1e-12;
    EXPECT_NEAR(got.paper.fpr95, paper[0], allowed);
    EXPECT_NEAR(got.paper.auroc, paper[1], allowed);
    EXPECT_NEAR(got.paper.auin, paper[2], allowed);
    EXPECT_NEAR(got.paper.auout, paper[3], allowed);
    EXPECT_NEAR(got.paper.dterr, paper[4], allowed);
    EXPECT_NEAR(got.openood.fpr95, openood[0], allowed);
    EXPECT_NEAR(got.openood.aupr_in, openood[1], allowed);
    EXPECT_NEAR(got.openood.aupr_out, openood[2], allowed);
  }
}

TEST(GoldenMetrics, LogitDetectors) {
  const File file("detectors");
  const int cases = file.cases("", ".logits");
  EXPECT_GE(cases, 4);
  for (int i = 0; i < cases; ++i) {
    const std::string key = std::to_string(i) + ".";
    mode::Features features;
    features.logits = file[key + "logits"];
    const int64_t n = features.logits.dim(0), classes = features.logits.dim(1);
    features.regions = Tensor::full({n, 1, 2}, 1);
    features.labels = Tensor::zeros({n}, Dtype::i64);
    features.ids = Tensor::zeros({n}, Dtype::i64);
    features.image_names.assign(static_cast<size_t>(n), "image");
    features.scales = {{"global", {0, 0, 1, 1}}};
    for (const std::string method : {"msp", "maxlogit", "energy"}) {
      const auto detector = mode::make_detector(method);
      detector->fit(features);
      // Logits are f32 and may be summed as such: the tolerance of a sum over the classes in f32.
      expect_close(detector->score(features), file[key + method], tolerance(Dtype::f32, classes), key + method);
    }
  }
}

}  // namespace
