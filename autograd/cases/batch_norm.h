#pragma once
// Cases of batch normalization, training and inference, with and without residual and ReLU: the values' test takes all, the gradient check
// the small ones.

#include <cmath>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

namespace autograd::cases {

struct BatchNormCase {
  Shape x;
  bool residual, relu;
  /// Two rows that are nearly equal have a tiny variance, for which the step h of central differences is too long.
  bool gradcheck = true;

  int64_t channels() const { return x[-1]; }
  std::string name() const { return x.to_string() + (residual ? " residual" : "") + (relu ? " relu" : ""); }
  int64_t elements() const { return x.numel() * (residual ? 2 : 1) + 2 * channels(); }
};
inline const BatchNormCase batch_norm_cases[] = {
    {{2, 1}, false, false},                                                          // the smallest with a variance
    {{7, 5}, false, false},                                                          // a matrix
    {{7, 5}, false, true},                                                           //
    {{7, 5}, true, false},                                                           //
    {{2, 3, 3, 5}, true, false},                                                     // channels last
    {{2, 3, 3, 5}, true, true},                                                      // a ResNet block's end
    {{1, 5, 7, 3}, false, true},                                                     // one image
    {{3, 17}, true, true},                                                           // two vectors of 8 and one
    {{67, 2}, false, true},                                                          //
    {{3, 1}, false, true},                                                           // one channel
    {{1, 1, 3, 33}, true, true},                                                     // many channels, few rows
    {{2, 3}, true, true, false},                                                     // two rows
    {{31, 17}, true, true},      {{64, 64}, false, true},  {{1000, 7}, true, true},  // several blocks of rows
    {{4099, 16}, true, false},   {{1023, 64}, true, true}, {{97, 513}, true, true},
    {{33, 1100}, false, false},  // a row is longer than a tile
};

/// Inputs x, gamma, beta and, if asked for, the residual. With ReLU, the first seed at which no element before it lies near its kink.
inline std::vector<Tensor> batch_norm_inputs(const BatchNormCase& c, bool training) {
  const NoGrad no_grad;
  const Shape channels{c.channels()};
  for (uint64_t seed = 81;; seed += 10) {
    std::vector<Tensor> in = {random_input(c.x, seed, -2, 2), random_input(channels, seed + 1, 0.5, 1.5), random_input(channels, seed + 2)};
    if (c.residual) in.push_back(random_input(c.x, seed + 3));
    const Variable x(in[0]), gamma(in[1]), beta(in[2]), residual = c.residual ? Variable(in[3]) : Variable();
    const Variable z = training ? batch_norm(x, gamma, beta, residual, {.relu = false})
                                : batch_norm_inference(x, gamma, beta, random_input(channels, 1), random_input(channels, 2, 0.5, 2),
                                                       residual, {.relu = false});
    double smallest = 1;
    for (const double value : z.value().to_vector()) smallest = std::min(smallest, std::abs(value));
    if (!c.relu || smallest > 1e-3) return in;
  }
}

inline std::vector<GradcheckCase> batch_norm_gradchecks() {
  std::vector<GradcheckCase> checks;
  for (const BatchNormCase& c : batch_norm_cases) {
    if (!c.gradcheck || c.elements() > gradcheck_elements) continue;
    const tensor::ops::BatchNormParams params{.relu = c.relu};
    const auto residual_of = [](const std::vector<Variable>& in) { return in.size() > 3 ? in[3] : Variable(); };
    checks.push_back({"batch_norm", c.name(),
                      [=](const std::vector<Variable>& in) { return batch_norm(in[0], in[1], in[2], residual_of(in), params); },
                      batch_norm_inputs(c, true)});
    const Tensor mean = random_input({c.channels()}, 1), var = random_input({c.channels()}, 2, 0.5, 2);
    checks.push_back({"batch_norm_inference",
                      c.name(),
                      [=](const std::vector<Variable>& in) {
                        const Device device = in[0].value().device();
                        return batch_norm_inference(in[0], in[1], in[2], mean.to(device), var.to(device), residual_of(in), params);
                      },
                      batch_norm_inputs(c, false),
                      1e-6,
                      {{"mean", mean}, {"var", var}}});
  }
  return checks;
}

}  // namespace autograd::cases
