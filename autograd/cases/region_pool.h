#pragma once
// Cases of region pooling and of the global average: the values' test takes all, the gradient check the small ones.

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct RegionPoolCase {
  Shape x;
  std::vector<tensor::ops::Rect> rects;  // top, left, bottom, right
};
inline const RegionPoolCase region_pool_cases[] = {
    {{1, 1, 1, 1}, {{0, 0, 1, 1}}},                                                                         // the smallest
    {{1, 4, 4, 17}, {{0, 0, 4, 4}, {0, 0, 2, 2}, {0, 2, 2, 4}, {2, 0, 4, 2}, {2, 2, 4, 4}, {1, 1, 3, 3}}},  // global, quadrants, center
    {{2, 5, 7, 3}, {{0, 0, 5, 7}, {0, 0, 3, 4}, {0, 3, 3, 7}, {2, 0, 5, 4}, {2, 3, 5, 7}, {1, 1, 4, 6}}},   // odd extents: they overlap
    {{3, 3, 2, 5}, {{2, 1, 3, 2}, {2, 1, 3, 2}}},                                                           // one position, twice
    {{2, 5, 4, 3}, std::vector<tensor::ops::Rect>(19, {1, 0, 4, 3})},                                       // more than one launch takes
    {{2, 3, 3, 4}, {}},                                                                                     // no rectangles
    {{0, 3, 3, 4}, {{0, 0, 3, 3}}},                                                                         // no images
    {{2, 3, 3, 0}, {{0, 0, 3, 3}}},                                                                         // no channels
    {{2, 4, 4, 16}, {{0, 0, 4, 4}, {0, 0, 2, 2}, {0, 2, 2, 4}, {2, 0, 4, 2}, {2, 2, 4, 4}, {1, 1, 3, 3}}},
    {{3, 7, 5, 13}, {{0, 0, 7, 5}, {6, 4, 7, 5}, {2, 0, 3, 5}, {0, 1, 7, 4}}},
    {{2, 3, 3, 33}, {{0, 0, 1, 1}}},
    {{1, 32, 31, 64}, {{0, 0, 32, 31}}},
};
inline const Shape global_average_pool_cases[] = {{1, 1, 1, 1}, {2, 4, 4, 7}, {1, 7, 5, 8}, {3, 1, 3, 17}};

inline Tensor rects_tensor(const std::vector<tensor::ops::Rect>& rects) {
  std::vector<int64_t> edges;
  for (const auto& rect : rects) edges.insert(edges.end(), {rect.top, rect.left, rect.bottom, rect.right});
  return Tensor::from(edges, {static_cast<int64_t>(rects.size()), 4});
}

inline std::vector<GradcheckCase> region_pool_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const RegionPoolCase& c : region_pool_cases)
    if (!c.rects.empty() && c.x.numel() >= 1 && c.x.numel() <= gradcheck_elements)
      checks.push_back({"region_pool",
                        fmt::format("{}, {} rectangles", c.x.to_string(), c.rects.size()),
                        [rects = c.rects](const std::vector<Variable>& in) { return region_pool(in[0], rects); },
                        {random_input(c.x, 101)},
                        1e-6,
                        {{"rectangles (top, left, bottom, right)", rects_tensor(c.rects)}}});
  for (const Shape& shape : global_average_pool_cases)
    checks.push_back({"global_average_pool",
                      shape.to_string(),
                      [](const std::vector<Variable>& in) { return global_average_pool(in[0]); },
                      {random_input(shape, 102)}});
  return checks;
}

}  // namespace autograd::cases
