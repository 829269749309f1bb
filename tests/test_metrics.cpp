#include "mode/evaluation/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "tensor/check.h"
#include "tensor/philox.h"

namespace {

using mode::evaluate_scores;
using mode::Metrics;
using Scores = std::vector<double>;
constexpr double infinity = std::numeric_limits<double>::infinity();

// The oracle: scans every threshold and every pair, O((n + m)^2), straight from mode/README.md, section "Metrics".
struct Counts {
  double id_kept, ood_kept;
};
Counts kept_above(const Scores& id, const Scores& ood, double threshold, bool nothing_dropped) {
  const auto keep = [&](double s) { return nothing_dropped || s > threshold; };
  return {static_cast<double>(std::count_if(id.begin(), id.end(), keep)), static_cast<double>(std::count_if(ood.begin(), ood.end(), keep))};
}

Metrics naive_metrics(const Scores& id, const Scores& ood) {
  const double n = static_cast<double>(id.size()), m = static_cast<double>(ood.size());
  std::set<double> values(id.begin(), id.end());
  values.insert(ood.begin(), ood.end());
  std::vector<Counts> curve = {kept_above(id, ood, 0, true)};
  for (const double value : values) curve.push_back(kept_above(id, ood, value, false));

  Metrics metrics;
  Scores sorted = id;
  std::sort(sorted.begin(), sorted.end());
  const double threshold = sorted[std::nearbyint(0.05 * n)];  // the default rounding mode is half to even
  metrics.paper.fpr95 = static_cast<double>(std::count_if(ood.begin(), ood.end(), [&](double s) { return s > threshold; })) / m;
  double wins = 0;
  for (const double a : id)
    for (const double b : ood) wins += a > b ? 1 : a == b ? 0.5 : 0;
  metrics.paper.auroc = wins / (n * m);
  metrics.paper.dterr = 1;
  for (const Counts& c : curve) metrics.paper.dterr = std::min(metrics.paper.dterr, (n - c.id_kept + c.ood_kept) / (n + m));

  // Area under precision(recall) with the given anchors; positives of the curve's points in descending recall.
  const auto area = [&](bool of_id, double precision_at_0) {
    double sum = 0, last_recall = 0, last_precision = precision_at_0;
    for (size_t at = 0; at < curve.size(); ++at) {
      const Counts& c = of_id ? curve[curve.size() - 1 - at] : curve[at];
      const double hits = of_id ? c.id_kept : m - c.ood_kept, all = of_id ? c.id_kept + c.ood_kept : n + m - c.id_kept - c.ood_kept;
      if (all == 0) continue;
      const double recall = hits / (of_id ? n : m), precision = hits / all;
      sum += (recall - last_recall) * (precision + last_precision) / 2;
      last_recall = recall, last_precision = precision;
    }
    return sum;
  };
  metrics.paper.auin = area(true, 0);
  metrics.paper.auout = area(false, 0);
  metrics.openood.aupr_in = area(true, 1);
  metrics.openood.aupr_out = area(false, 1);
  for (size_t at = 1; at < curve.size(); ++at) {  // without roc_curve's thinning: tests of that are by number
    if (1 - curve[at].ood_kept / m < 0.95 - 1e-12) continue;
    metrics.openood.fpr95 = 1 - curve[at].id_kept / n;
    break;
  }
  return metrics;
}

void expect_same(const Metrics& got, const Metrics& expected, bool with_openood_fpr = true) {
  ASSERT_TRUE(got.valid) << got.flag;
  EXPECT_NEAR(got.paper.fpr95, expected.paper.fpr95, 1e-12);
  EXPECT_NEAR(got.paper.auroc, expected.paper.auroc, 1e-12);
  EXPECT_NEAR(got.paper.auin, expected.paper.auin, 1e-12);
  EXPECT_NEAR(got.paper.auout, expected.paper.auout, 1e-12);
  EXPECT_NEAR(got.paper.dterr, expected.paper.dterr, 1e-12);
  EXPECT_NEAR(got.openood.aupr_in, expected.openood.aupr_in, 1e-12);
  EXPECT_NEAR(got.openood.aupr_out, expected.openood.aupr_out, 1e-12);
  if (with_openood_fpr) {
    EXPECT_NEAR(got.openood.fpr95, expected.openood.fpr95, 1e-12);
  }
}

Scores draw(uint64_t counter, size_t count, double shift, double step) {  // step > 0 rounds the scores, so that there are ties
  Scores scores(count);
  for (size_t at = 0; at < count; ++at) {
    const double value = shift + tensor::normal_pair(tensor::philox(7, tensor::Stream::test, counter, static_cast<uint32_t>(at)))[0];
    scores[at] = step > 0 ? std::round(value / step) * step : value;
  }
  return scores;
}

TEST(Metrics, WorkedExample) {
  const Scores id = {.9, .8, .8, .7, .6, .5, .4, .4, .3, .2}, ood = {.6, .4, .4, .3, .2, .2, .1, .1};
  const Metrics metrics = evaluate_scores(id, ood);
  ASSERT_TRUE(metrics.valid);
  EXPECT_DOUBLE_EQ(metrics.paper.fpr95, .50);
  EXPECT_DOUBLE_EQ(metrics.paper.auroc, .825);
  EXPECT_NEAR(metrics.paper.auin, .82148, 5e-6);
  EXPECT_NEAR(metrics.paper.auout, .68565, 5e-6);
  EXPECT_NEAR(metrics.paper.dterr, .27778, 5e-6);
  EXPECT_DOUBLE_EQ(metrics.openood.fpr95, .60);
  EXPECT_NEAR(metrics.openood.aupr_in, .87148, 5e-6);
  EXPECT_NEAR(metrics.openood.aupr_out, .81065, 5e-6);
}

TEST(Metrics, AgainstScanningEveryThreshold) {
  for (const double step : {0.0, 0.01, 0.37})
    for (const size_t n : {1, 2, 7, 10, 30, 211})
      for (const size_t m : {1, 3, 20, 97}) {
        SCOPED_TRACE(fmt::format("n {} m {} step {}", n, m, step));
        const Scores id = draw(n, n, 1, step), ood = draw(1000 + m, m, 0, step);
        const Metrics got = evaluate_scores(id, ood);
        if (!got.valid) {
          EXPECT_EQ(got.flag, "constant scores");
          continue;
        }
        expect_same(got, naive_metrics(id, ood), step == 0);
      }
}

TEST(Metrics, PerfectAndReversedDetectors) {
  const Scores low = draw(1, 40, -100, 0), high = draw(2, 60, 100, 0);
  const Metrics perfect = evaluate_scores(high, low), reversed = evaluate_scores(low, high);
  EXPECT_EQ(perfect.paper.fpr95, 0);
  EXPECT_EQ(perfect.paper.auroc, 1);
  EXPECT_EQ(perfect.paper.dterr, 0);
  EXPECT_EQ(perfect.openood.fpr95, 0);
  EXPECT_DOUBLE_EQ(perfect.openood.aupr_in, 1);
  EXPECT_DOUBLE_EQ(perfect.openood.aupr_out, 1);
  EXPECT_EQ(reversed.paper.fpr95, 1);
  EXPECT_EQ(reversed.paper.auroc, 0);
  EXPECT_EQ(reversed.openood.fpr95, 1);
}

// The threshold is sorted(ID)[round(n / 20)], half to even: position 0 for n = 10, 2 for n = 30, 2 for n = 50, 4 for n = 70.
TEST(Metrics, ThresholdPositionRoundsHalfToEven) {
  for (const auto& [n, position] : std::vector<std::pair<int, int>>{{1, 0}, {9, 0}, {10, 0}, {11, 1}, {20, 1}, {30, 2}, {50, 2}, {70, 4}}) {
    Scores id, ood;
    for (int at = 0; at < n; ++at) id.push_back(at), ood.push_back(at + 0.5);
    EXPECT_DOUBLE_EQ(evaluate_scores(id, ood).paper.fpr95, static_cast<double>(n - position) / n) << n;
  }
}

// Steps of one ID and one OOD image at each value: roc_curve keeps the first point and the last, so that OOD recall >= .95 is reached at
// the end, where every ID image is rejected (scikit-learn: fpr [0, .025, 1]); scanning all thresholds would say .95.
TEST(Metrics, OpenoodUsesThePointsThatRocCurveKeeps) {
  Scores both;
  for (int at = 0; at < 40; ++at) both.push_back(at);
  EXPECT_DOUBLE_EQ(evaluate_scores(both, both).openood.fpr95, 1);
  EXPECT_DOUBLE_EQ(evaluate_scores(both, both).paper.auroc, .5);
}

TEST(Metrics, InfiniteScoresAreScores) {
  const Metrics metrics = evaluate_scores({infinity, infinity, 1, -infinity}, {-infinity, 0, infinity});
  expect_same(metrics, naive_metrics({infinity, infinity, 1, -infinity}, {-infinity, 0, infinity}));
  EXPECT_DOUBLE_EQ(metrics.paper.auroc, (2 * 2.5 + 2 + 0.5) / 12);
}

TEST(Metrics, ConstantAndNanAreFlaggedAndNeverGood) {
  const double nan = std::nan("");
  const auto expect_flag = [](const Metrics& metrics, const std::string& flag) {
    EXPECT_FALSE(metrics.valid);
    EXPECT_EQ(metrics.flag, flag);
    for (const double number : {metrics.paper.fpr95, metrics.paper.auroc, metrics.paper.auin, metrics.paper.auout, metrics.paper.dterr,
                                metrics.openood.fpr95, metrics.openood.aupr_in, metrics.openood.aupr_out})
      EXPECT_TRUE(std::isnan(number));
  };
  expect_flag(evaluate_scores({2, 2, 2}, {2, 2}), "constant scores");
  expect_flag(evaluate_scores({infinity}, {infinity}), "constant scores");
  expect_flag(evaluate_scores({0.0}, {-0.0}), "constant scores");
  expect_flag(evaluate_scores({1, nan}, {0}), "NaN scores");
  expect_flag(evaluate_scores({1, 2}, {nan}), "NaN scores");
  expect_flag(evaluate_scores({nan}, {nan}), "NaN scores");
  expect_flag(evaluate_scores({2, 2}, {2, 1}), "constant scores");
  EXPECT_TRUE(evaluate_scores({2, 2}, {1, 1}).valid);
  EXPECT_TRUE(evaluate_scores({2, 3}, {2, 2}).valid);
}

TEST(Metrics, EmptyIsAnError) {
  EXPECT_THROW(evaluate_scores({}, {1}), tensor::Error);
  EXPECT_THROW(evaluate_scores({1}, {}), tensor::Error);
}

TEST(Metrics, InputsStayAsTheyWere) {
  const Scores id = {3, 1, 2}, ood = {2, 0, 1};
  const Scores id_before = id, ood_before = ood;
  evaluate_scores(id, ood);
  EXPECT_EQ(id, id_before);
  EXPECT_EQ(ood, ood_before);
}

}  // namespace
