#pragma once
// Cases of the contrastive loss.

#include "autograd/gradcheck.h"
#include "nn/contrastive_loss.h"

namespace nn::cases {

struct ContrastiveLossCase {
  const char* name;
  std::vector<int64_t> groups;
  ContrastiveOptions options = {};
};
inline const ContrastiveLossCase contrastive_loss_cases[] = {
    {"nobody else", {0}},
    {"one pair", {0, 0}},
    {"no positives", {0, 1}},
    {"two rows without positives", {0, 1, 0, 2, 1, 0, 3}},
    {"one class", {4, 4, 4, 4, 4}, {.inverse_temperature = 2, .scale = 0.5}},
    {"two views", {0, 1, 2, 3, 0, 1, 2, 3}, {.inverse_temperature = 14, .scale = 1.25}},
};

inline Tensor groups_of(const ContrastiveLossCase& c) {
  const auto n = static_cast<int64_t>(c.groups.size());
  return Tensor::from(c.groups, tensor::Shape{n});
}

inline std::vector<autograd::GradcheckCase> contrastive_loss_gradchecks() {
  std::vector<autograd::GradcheckCase> checks;
  for (const ContrastiveLossCase& c : contrastive_loss_cases) {
    const Tensor groups = groups_of(c);
    const int64_t n = groups.numel();
    checks.push_back({"contrastive_loss",
                      fmt::format("{} t {} scale {}", c.name, c.options.inverse_temperature, c.options.scale),
                      [groups, options = c.options](const std::vector<Variable>& in) { return contrastive_loss(in[0], groups, options); },
                      {autograd::random_input({n, n}, 7)},
                      1e-6,
                      {{"groups", groups}}});
  }
  return checks;
}

}  // namespace nn::cases
