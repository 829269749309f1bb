#include "nn/gradient_norm.h"

#include <algorithm>
#include <cmath>

namespace nn {

void square_sum(const Tensor& x, Tensor& sums, int64_t at) {
  CHECK(sums.dtype() == Dtype::f64 && sums.device() == x.device() && at >= 0 && at < sums.numel(),
        "square_sum: index {} of sums {} {} on {}; expected an index below its size, f64 on {}", at, tensor::name(sums.dtype()),
        sums.shape().to_string(), sums.device().to_string(), x.device().to_string());
  DISPATCH_DEVICE(x, square_sum, x, sums, at);
}

double gradient_norm(const std::vector<Module::NamedParameter>& parameters) {
  std::vector<Tensor> gradients;
  for (const Module::NamedParameter& parameter : parameters)
    if (parameter.variable.grad().defined()) gradients.push_back(parameter.variable.grad());
  if (gradients.empty()) return 0;
  // One copy to the host for all of them, because each copy waits for the device.
  Tensor sums({static_cast<int64_t>(gradients.size())}, Dtype::f64, gradients[0].device());
  for (size_t i = 0; i < gradients.size(); ++i) square_sum(gradients[i], sums, static_cast<int64_t>(i));
  double sum = 0;
  for (const double squares : sums.to_vector()) sum += squares;
  return std::sqrt(sum);
}

double clip_factor(double norm, double most) {
  CHECK(most > 0, "clip_factor: gradients clipped at a norm of {}; use a number > 0", most);
  return std::min(1.0, most / (norm + 1e-6));
}

}  // namespace nn
