// maths    sums[at] = sum_i x[i]^2
// shapes   x any, f32 or f64; sums f64 (parameters)
// cost     2 flop per element, read once; scratch 8 bytes per 32768 elements; memory-bound
// parallel a block of fixed size leaves its sum in its own place; the blocks are added in order
// numerics squares and sums in double: an f32 gradient of 1e30 has a norm. Eight running sums a block, so that additions overlap

#include <algorithm>
#include <cmath>

#include "nn/gradient_norm.h"
#include "tensor/parallel.h"

namespace nn {
namespace {

template <class T>
double squares_of_block(const T* x, int64_t count) {
  double sums[8] = {};
  const int64_t whole = count / 8 * 8;
  for (int64_t i = 0; i < whole; i += 8)
    for (int64_t lane = 0; lane < 8; ++lane) {
      const double value = static_cast<double>(x[i + lane]);
      sums[lane] += value * value;
    }
  for (int64_t i = whole; i < count; ++i) sums[i - whole] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

}  // namespace

namespace cpu {

void square_sum(const Tensor& x, Tensor& sums, int64_t at) {
  sums.data<double>()[at] = tensor::dispatch_floating(x.dtype(), [&](auto zero) {
    const auto* data = x.data<decltype(zero)>();
    return tensor::parallel_sum(x.numel(), tensor::elementwise_grain,
                                [&](int64_t begin, int64_t end) { return squares_of_block(data + begin, end - begin); });
  });
}

}  // namespace cpu

void square_sum(const Tensor& x, Tensor& sums, int64_t at) {
  CHECK(sums.dtype() == Dtype::f64 && sums.device() == x.device() && at >= 0 && at < sums.numel(),
        "square_sum: place {} of sums {} {} on {}; expected f64 on {}", at, tensor::name(sums.dtype()), sums.shape().to_string(),
        sums.device().to_string(), x.device().to_string());
  DISPATCH_DEVICE(x, square_sum, x, sums, at);
}

double gradient_norm(const std::vector<Module::NamedParameter>& parameters) {
  std::vector<Tensor> gradients;
  for (const Module::NamedParameter& parameter : parameters)
    if (parameter.variable.grad().defined()) gradients.push_back(parameter.variable.grad());
  if (gradients.empty()) return 0;
  // One copy for all of them: each would wait for the device.
  Tensor sums({static_cast<int64_t>(gradients.size())}, Dtype::f64, gradients[0].device());
  for (size_t i = 0; i < gradients.size(); ++i) square_sum(gradients[i], sums, static_cast<int64_t>(i));
  double sum = 0;
  for (const double squares : sums.to_vector()) sum += squares;
  return std::sqrt(sum);
}

double clip_factor(double norm, double most) {
  CHECK(most > 0, "gradients are clipped at a norm of {}, expected a number > 0", most);
  return std::min(1.0, most / (norm + 1e-6));
}

}  // namespace nn
