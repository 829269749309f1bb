// Every number below follows from one walk over the distinct scores in ascending order. After the walk has passed a value, `id_dropped` ID
// images and `ood_dropped` OOD images lie at or below it: a threshold there rejects exactly them. Ties therefore move together, and the
// counts are integers. Cost: the sort, O((n + m) log(n + m)).
#include "mode/evaluation/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tensor/check.h"

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

// Trapezoid over precision as a function of recall, from recall 0 upwards. Positives are the ID images among those kept, or the OOD
// images among those dropped; a threshold that leaves none of either has no precision. At recall 0 the curve starts from `anchor`. (An
// anchor at recall 1, as one family has, adds no width.)
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

// n / 20, rounded half to even, in integers: the position in the sorted ID scores of the threshold that keeps 95 %.
int64_t five_percent(int64_t n) {
  const int64_t whole = n / 20, rest = n % 20;
  return whole + (rest > 10 || (rest == 10 && whole % 2 == 1) ? 1 : 0);
}

// P(ID > OOD) + P(ID = OOD) / 2, counted twice over so that it stays whole.
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

// scikit-learn's roc_curve, which the evaluator calls, leaves out a point whose step before and step after are the same: on a slope of
// equal steps the first point with enough recall is then the end of the slope. The point (0, 0) takes no part in that.
bool left_out_by_roc_curve(const std::vector<Point>& points, size_t at) {
  if (at < 2 || at + 1 >= points.size()) return false;
  const Point &before = points[at - 1], &here = points[at], &after = points[at + 1];
  return here.id_dropped - before.id_dropped == after.id_dropped - here.id_dropped &&
         here.ood_dropped - before.ood_dropped == after.ood_dropped - here.ood_dropped;
}

OpenoodMetrics openood_metrics(int64_t n, int64_t m, const std::vector<Point>& points) {
  const double n_real = static_cast<double>(n), m_real = static_cast<double>(m);
  OpenoodMetrics metrics;
  for (size_t at = 1; at < points.size(); ++at) {
    if (left_out_by_roc_curve(points, at) || !(static_cast<double>(points[at].ood_dropped) / m_real >= 0.95)) continue;
    metrics.fpr95 = static_cast<double>(points[at].id_dropped) / n_real;
    break;
  }

  // precision_recall_curve appends (recall 0, precision 1).
  metrics.aupr_in = area_under_precision(points, n, m, true, 1);
  metrics.aupr_out = area_under_precision(points, n, m, false, 1);
  return metrics;
}

}  // namespace

Metrics flagged_metrics(const std::string& flag) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  return {{nan, nan, nan, nan, nan}, {nan, nan, nan}, false, flag};
}

Metrics evaluate_scores(const std::vector<double>& id_scores, const std::vector<double>& ood_scores) {
  CHECK(!id_scores.empty(), "no ID scores; the metrics need at least one");
  CHECK(!ood_scores.empty(), "no OOD scores; the metrics need at least one");
  const auto is_nan = [](double score) { return std::isnan(score); };
  if (std::any_of(id_scores.begin(), id_scores.end(), is_nan) || std::any_of(ood_scores.begin(), ood_scores.end(), is_nan))
    return flagged_metrics("NaN scores");

  std::vector<double> id = id_scores, ood = ood_scores;
  std::sort(id.begin(), id.end());
  std::sort(ood.begin(), ood.end());
  const std::vector<Point> points = walk(id, ood);
  // All alike, or ID images all alike and some OOD image the same: no threshold parts those, and "strictly above" would call that an
  // FPR of 0.
  const bool id_constant = id.size() > 1 && id.front() == id.back();
  if (points.size() == 2 || (id_constant && std::binary_search(ood.begin(), ood.end(), id.front())))
    return flagged_metrics("constant scores");
  Metrics metrics;
  metrics.paper = paper_metrics(id, ood, points);
  metrics.openood = openood_metrics(static_cast<int64_t>(id.size()), static_cast<int64_t>(ood.size()), points);
  return metrics;
}

}  // namespace mode
