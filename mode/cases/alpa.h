#pragma once
// Cases of ALPA's similarities: the values' test takes all of them, the gradient check the small ones.

#include "autograd/gradcheck.h"
#include "mode/alpa/alpa.h"

namespace mode::cases {

struct AlpaCase {
  int64_t images, regions, width;  // N, R, C

  tensor::Shape shape() const { return {images, regions, width}; }
  bool is_small() const { return images * regions * width <= 96; }  // the gradient check perturbs each element twice
};
inline const AlpaCase alpa_cases[] = {
    {.images = 1, .regions = 1, .width = 1},    // the smallest
    {.images = 2, .regions = 1, .width = 3},    // one region: attention is 1
    {.images = 3, .regions = 4, .width = 5},    //
    {.images = 2, .regions = 5, .width = 9},    // R no multiple of 4
    {.images = 5, .regions = 2, .width = 4},    //
    {.images = 3, .regions = 4, .width = 7},    //
    {.images = 7, .regions = 16, .width = 80},  // the paper's R and C
    {.images = 13, .regions = 9, .width = 17},  // odd, more than one block of anchors
    {.images = 5, .regions = 25, .width = 33},  // R no multiple of 4
    {.images = 4, .regions = 49, .width = 3},   // R larger than C; four blocks
    {.images = 9, .regions = 49, .width = 2},   // nine blocks in six slices
    {.images = 2, .regions = 101, .width = 4},  // R larger than a tile
};

inline std::vector<autograd::GradcheckCase> alpa_gradchecks() {
  std::vector<autograd::GradcheckCase> checks;
  for (const AlpaCase& c : alpa_cases)
    for (const auto& [name, aggregate] : alpa_aggregates()) {
      if (!c.is_small()) continue;
      std::vector<Tensor> inputs;
      for (const uint64_t seed : {11, 12, 13}) inputs.push_back(autograd::random_input(c.shape(), seed));
      checks.push_back(
          {"alpa", fmt::format("N {} R {} C {} {}", c.images, c.regions, c.width, name),
           [aggregate = aggregate](const std::vector<Variable>& in) { return alpa_similarity(in[0], in[1], in[2], aggregate); }, inputs});
    }
  return checks;
}

}  // namespace mode::cases
