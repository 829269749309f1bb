// All detection metrics follow from one walk over the distinct scores in ascending order. At each value, `id_dropped` ID images and
// `ood_dropped` OOD images have a score at or below it: a threshold there rejects exactly these. Ties move together, and all counts are
// integers. Cost: two sorts, O((n + m) log(n + m)).
#include "mode/evaluation/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>

#include "mode/detectors/bank.h"
#include "mode/detectors/knn.h"
#include "tensor/check.h"
#include "tensor/ops/reduce.h"

namespace mode {
namespace {

struct Point {
  int64_t id_dropped, ood_dropped;
};

std::vector<Point> walk(const std::vector<double>& id, const std::vector<double>& ood) {  // both ascending
  std::vector<Point> points = {{0, 0}};
  size_t i = 0, j = 0;
  while (i < id.size() || j < ood.size()) {
    const double value = i == id.size() ? ood[j] : j == ood.size() ? id[i] : std::min(id[i], ood[j]);
    while (i < id.size() && id[i] == value) ++i;
    while (j < ood.size() && ood[j] == value) ++j;
    points.push_back({static_cast<int64_t>(i), static_cast<int64_t>(j)});
  }
  return points;
}

// Trapezoids under precision as a function of recall, from recall 0 upwards. Positives are the kept ID images, or the dropped OOD images.
// A threshold without positives and without false positives has no precision and is skipped. `anchor` is the precision at recall 0. (The
// anchor of one family at recall 1 adds no width.)
double area_under_precision(const std::vector<Point>& points, int64_t n, int64_t m, bool id_is_positive, double anchor) {
  double area = 0, last_recall = 0, last_precision = anchor;
  for (size_t at = 0; at < points.size(); ++at) {
    const Point& point = id_is_positive ? points[points.size() - 1 - at] : points[at];
    const int64_t hits = id_is_positive ? n - point.id_dropped : point.ood_dropped;
    const int64_t all = id_is_positive ? hits + m - point.ood_dropped : hits + point.id_dropped;
    if (all == 0) continue;
    const double recall = static_cast<double>(hits) / static_cast<double>(id_is_positive ? n : m);
    const double precision = static_cast<double>(hits) / static_cast<double>(all);
    area += (recall - last_recall) * (precision + last_precision) / 2;
    last_recall = recall;
    last_precision = precision;
  }
  return area;
}

// round(n / 20), half to even, in integers: the index in the sorted ID scores of the threshold that keeps 95 % of them.
int64_t five_percent(int64_t n) {
  const int64_t whole = n / 20, rest = n % 20;
  return whole + (rest > 10 || (rest == 10 && whole % 2 == 1) ? 1 : 0);
}

// P(ID > OOD) + P(ID = OOD) / 2. The count is doubled so that it is an integer.
double auroc(const std::vector<Point>& points, int64_t n, int64_t m) {
  int64_t twice = 0;
  for (size_t at = 1; at < points.size(); ++at) {
    const int64_t ood_here = points[at].ood_dropped - points[at - 1].ood_dropped;
    const int64_t id_above = n - points[at].id_dropped, id_here = points[at].id_dropped - points[at - 1].id_dropped;
    twice += ood_here * (2 * id_above + id_here);
  }
  return static_cast<double>(twice) / (2.0 * static_cast<double>(n) * static_cast<double>(m));
}

PaperMetrics paper_metrics(const std::vector<double>& id, const std::vector<double>& ood, const std::vector<Point>& points) {
  const int64_t n = static_cast<int64_t>(id.size()), m = static_cast<int64_t>(ood.size());
  PaperMetrics metrics;
  const double threshold = id[five_percent(n)];
  metrics.fpr95 = static_cast<double>(ood.end() - std::upper_bound(ood.begin(), ood.end(), threshold)) / static_cast<double>(m);
  metrics.auroc = auroc(points, n, m);

  metrics.auin = area_under_precision(points, n, m, true, 0);
  metrics.auout = area_under_precision(points, n, m, false, 0);
  int64_t errors = n + m;
  for (const Point& point : points) errors = std::min(errors, point.id_dropped + m - point.ood_dropped);
  metrics.dterr = static_cast<double>(errors) / static_cast<double>(n + m);
  return metrics;
}

// OpenOOD calls scikit-learn's roc_curve, which drops a point between two equal steps. On a line of equal steps, the first point with
// enough recall is then the end of the line. The point (0, 0) is never dropped.
bool dropped_by_roc_curve(const std::vector<Point>& points, size_t at) {
  if (at < 2 || at + 1 >= points.size()) return false;
  const Point &before = points[at - 1], &here = points[at], &after = points[at + 1];
  return here.id_dropped - before.id_dropped == after.id_dropped - here.id_dropped &&
         here.ood_dropped - before.ood_dropped == after.ood_dropped - here.ood_dropped;
}

OpenoodMetrics openood_metrics(int64_t n, int64_t m, const std::vector<Point>& points) {
  const double n_real = static_cast<double>(n), m_real = static_cast<double>(m);
  OpenoodMetrics metrics;
  for (size_t at = 1; at < points.size(); ++at) {
    if (dropped_by_roc_curve(points, at) || !(static_cast<double>(points[at].ood_dropped) / m_real >= 0.95)) continue;
    metrics.fpr95 = static_cast<double>(points[at].id_dropped) / n_real;
    break;
  }

  // precision_recall_curve appends (recall 0, precision 1).
  metrics.aupr_in = area_under_precision(points, n, m, true, 1);
  metrics.aupr_out = area_under_precision(points, n, m, false, 1);
  return metrics;
}

/// The eight numbers.
std::vector<double*> numbers_of(Metrics& metrics) {
  return {&metrics.paper.fpr95, &metrics.paper.auroc,   &metrics.paper.auin,      &metrics.paper.auout,
          &metrics.paper.dterr, &metrics.openood.fpr95, &metrics.openood.aupr_in, &metrics.openood.aupr_out};
}

}  // namespace

int64_t count_right(const Tensor& logits, const Tensor& labels) {
  const Tensor best = tensor::ops::argmax(logits).to({});
  int64_t right = 0;
  for (int64_t row = 0; row < labels.numel(); ++row) right += best.data<int64_t>()[row] == labels.data<int64_t>()[row];
  return right;
}

bool all_labeled(const Features& features) {
  const int64_t* labels = features.labels.data<int64_t>();
  return std::all_of(labels, labels + features.size(), [](int64_t label) { return label >= 0; });
}

void check_labels(const Features& features, int64_t classes, const std::string& what) {
  check_features(features, what);
  for (int64_t at = 0; at < features.size(); ++at) {
    const int64_t label = features.labels.data<int64_t>()[at];
    CHECK(label >= 0, "{}: image {} has label {}, which means none; every image needs a label", what, features.image_names[at], label);
    CHECK(label < classes, "{}: image {} has label {}, expected 0 to {}; use the classes of the network", what, features.image_names[at],
          label, classes - 1);
  }
}

double accuracy(const Features& features) {
  check_labels(features, features.logits.dim(1), "accuracy");
  return static_cast<double>(count_right(features.logits, features.labels)) / static_cast<double>(features.size());
}

double knn_accuracy(const Features& train, const Features& test, int64_t k) {
  constexpr int64_t any = std::numeric_limits<int64_t>::max();
  check_labels(train, any, "knn_accuracy, training images");
  check_labels(test, any, "knn_accuracy, test images");
  k = std::min(k, train.size());
  const KnnResult found = knn(normalized_rows(test, {0}), normalized_rows(train, {0}), k);
  int64_t right = 0;
  for (int64_t at = 0; at < test.size(); ++at) {
    struct Votes {
      int64_t count = 0, nearest = 0;  // rank of the label's nearest voter
    };
    std::map<int64_t, Votes> votes;
    for (int64_t rank = 0; rank < k; ++rank) {
      Votes& of_label = votes[train.labels.data<int64_t>()[found.rows.data<int64_t>()[at * k + rank]]];
      if (of_label.count++ == 0) of_label.nearest = rank;
    }
    const auto winner = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) {
      return a.second.count != b.second.count ? a.second.count < b.second.count : a.second.nearest > b.second.nearest;
    });
    right += winner->first == test.labels.data<int64_t>()[at];
  }
  return static_cast<double>(right) / static_cast<double>(test.size());
}

Metrics flagged_metrics(const std::string& flag) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  Metrics metrics{.paper = {}, .openood = {}, .valid = false, .flag = flag};
  for (double* number : numbers_of(metrics)) *number = nan;
  return metrics;
}

Metrics evaluate_scores(const std::vector<double>& id_scores, const std::vector<double>& ood_scores) {
  CHECK(!id_scores.empty(), "evaluate_scores: no ID scores; pass at least one");
  CHECK(!ood_scores.empty(), "evaluate_scores: no OOD scores; pass at least one");
  const auto is_nan = [](double score) { return std::isnan(score); };
  if (std::any_of(id_scores.begin(), id_scores.end(), is_nan) || std::any_of(ood_scores.begin(), ood_scores.end(), is_nan))
    return flagged_metrics("NaN scores");

  std::vector<double> id = id_scores, ood = ood_scores;
  std::sort(id.begin(), id.end());
  std::sort(ood.begin(), ood.end());
  const std::vector<Point> points = walk(id, ood);
  // No threshold separates constant ID scores from an equal OOD score, but "strictly above the threshold" would give an FPR95 of 0.
  const bool id_constant = id.size() > 1 && id.front() == id.back();
  if (points.size() == 2 || (id_constant && std::binary_search(ood.begin(), ood.end(), id.front())))
    return flagged_metrics("constant scores");
  Metrics metrics;
  metrics.paper = paper_metrics(id, ood, points);
  metrics.openood = openood_metrics(static_cast<int64_t>(id.size()), static_cast<int64_t>(ood.size()), points);
  return metrics;
}

Metrics mean_metrics(std::vector<Metrics> sets) {
  const auto valid = std::count_if(sets.begin(), sets.end(), [](const Metrics& metrics) { return metrics.valid; });
  if (valid == 0) return flagged_metrics(sets.empty() ? "no sets" : sets.front().flag);
  Metrics mean;
  const std::vector<double*> sums = numbers_of(mean);
  for (Metrics& metrics : sets) {
    const std::vector<double*> numbers = numbers_of(metrics);
    for (size_t at = 0; metrics.valid && at < sums.size(); ++at) *sums[at] += *numbers[at] / static_cast<double>(valid);
  }
  if (valid < static_cast<int64_t>(sets.size())) mean.flag = fmt::format("mean of {} of {} sets", valid, sets.size());
  return mean;
}

}  // namespace mode
