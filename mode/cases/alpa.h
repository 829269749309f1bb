#pragma once
// Cases of ALPA's similarities.

#include "autograd/gradcheck.h"
#include "mode/alpa/alpa.h"

namespace mode::cases {

struct AlpaCase {
  int64_t images, regions, width;
};
inline const AlpaCase alpa_cases[] = {
    {1, 1, 1},  // the smallest
    {2, 1, 3},  // one region: attention is 1
    {3, 4, 5},  //
    {2, 5, 9},  // regions no multiple of 4
    {5, 2, 4},  //
};

inline std::vector<autograd::GradcheckCase> alpa_gradchecks() {
  std::vector<autograd::GradcheckCase> checks;
  for (const AlpaCase& c : alpa_cases)
    for (const auto& [name, aggregate] : alpa_aggregates()) {
      std::vector<Tensor> inputs;
      for (const uint64_t seed : {11, 12, 13}) inputs.push_back(autograd::random_input({c.images, c.regions, c.width}, seed));
      checks.push_back(
          {"alpa", fmt::format("N {} R {} C {} {}", c.images, c.regions, c.width, name),
           [aggregate = aggregate](const std::vector<Variable>& in) { return alpa_similarity(in[0], in[1], in[2], aggregate); }, inputs});
    }
  return checks;
}

}  // namespace mode::cases
