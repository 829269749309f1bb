#include "nn/data/outlines.h"

#pragma GCC optimize("fp-contract=off")

namespace nn::synthetic {
namespace {

Contour joined_contours(Contour first, const Contour& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Contour circle(Point center, double radius, int points) { return arc(center, radius, 0, 1 - 1.0 / points, points); }

/// Corners that lie in turn on the outer and the inner circle.
Contour star(int spikes, double inner) {
  Contour contour;
  for (int i = 0; i < 2 * spikes; ++i) {
    const Point direction = on_circle(0.5 * i / spikes);
    const double radius = i % 2 == 0 ? 1 : inner;
    contour.push_back({radius * direction.x, radius * direction.y});
  }
  return contour;
}

}  // namespace

const std::vector<NamedOutline>& known_outlines() {
  static const std::vector<NamedOutline> outlines = {
      {"disc", {circle({0, 0}, 0.9, 32)}},
      {"square", {{{-0.8, -0.8}, {0.8, -0.8}, {0.8, 0.8}, {-0.8, 0.8}}}},
      {"triangle", {{{1, 0}, {-0.6, 0.9}, {-0.6, -0.9}}}},
      {"ring", {circle({0, 0}, 0.95, 32), circle({0, 0}, 0.5, 24)}},
      {"star", {star(5, 0.42)}},
      {"cross",
       {{{-0.32, -1},
         {0.32, -1},
         {0.32, -0.32},
         {1, -0.32},
         {1, 0.32},
         {0.32, 0.32},
         {0.32, 1},
         {-0.32, 1},
         {-0.32, 0.32},
         {-1, 0.32},
         {-1, -0.32},
         {-0.32, -0.32}}}},
      // Between the circle of radius 1 around 0 and the one of 0.75 around (0.5, 0), which meet at 0.12936 and at 0.20978 turns of theirs.
      {"crescent", {joined_contours(arc({0, 0}, 1, 0.12936, 0.87064, 24), arc({0.5, 0}, 0.75, 0.79022, 0.20978, 20))}},
      {"arrow", {{{1, 0}, {0.2, 0.75}, {0.2, 0.3}, {-1, 0.3}, {-1, -0.3}, {0.2, -0.3}, {0.2, -0.75}}}},
      {"wedge", {joined_contours({{0, 0}}, arc({0, 0}, 0.95, 0.12, 0.88, 26))}},
      {"bars", {{{-0.9, -0.8}, {0.9, -0.8}, {0.9, -0.22}, {-0.9, -0.22}}, {{-0.9, 0.22}, {0.9, 0.22}, {0.9, 0.8}, {-0.9, 0.8}}}},
  };
  return outlines;
}

const std::vector<NamedOutline>& unseen_outlines() {
  static const std::vector<NamedOutline> outlines = {
      {"heart",
       {joined_contours({{0, 1}}, joined_contours(arc({-0.48, -0.3}, 0.5, 0.4, 0.95, 12), arc({0.48, -0.3}, 0.5, 0.55, 1.1, 12)))}},
      {"hourglass", {{{-0.85, -0.9}, {0.85, -0.9}, {0.15, 0}, {0.85, 0.9}, {-0.85, 0.9}, {-0.15, 0}}}},
      {"lightning", {{{0.3, -1}, {-0.6, 0.15}, {-0.05, 0.15}, {-0.4, 1}, {0.6, -0.2}, {0.05, -0.2}}}},
      {"angle", {{{-0.8, -0.95}, {-0.25, -0.95}, {-0.25, 0.4}, {0.8, 0.4}, {0.8, 0.95}, {-0.8, 0.95}}}},
      {"tee", {{{-0.9, -0.9}, {0.9, -0.9}, {0.9, -0.4}, {0.27, -0.4}, {0.27, 0.95}, {-0.27, 0.95}, {-0.27, -0.4}, {-0.9, -0.4}}}},
      {"half disc", {arc({-0.4, 0}, 1, 0.75, 1.25, 20)}},
      {"gear", {star(9, 0.68)}},
      {"horseshoe", {joined_contours(arc({0, 0}, 1, 0.09, 0.91, 26), arc({0, 0}, 0.52, 0.91, 0.09, 22))}},
      {"house",
       {{{0, -1},
         {0.9, -0.2},
         {0.65, -0.2},
         {0.65, 0.85},
         {0.2, 0.85},
         {0.2, 0.2},
         {-0.2, 0.2},
         {-0.2, 0.85},
         {-0.65, 0.85},
         {-0.65, -0.2},
         {-0.9, -0.2}}}},
      {"two discs", {circle({-0.5, 0}, 0.46, 20), circle({0.5, 0}, 0.46, 20)}},
  };
  return outlines;
}

}  // namespace nn::synthetic
