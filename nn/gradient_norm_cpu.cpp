// cost     scratch 8 bytes per 32768 elements
// parallel a thread owns a block of fixed size and leaves its sum; the sums are added in order of the blocks
// numerics squares and sums in double, so that an f32 gradient of 1e30 has a norm; eight running sums per block, whose additions overlap

#include "nn/gradient_norm.h"
#include "tensor/parallel.h"

namespace nn::cpu {
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

void square_sum(const Tensor& x, Tensor& sums, int64_t at) {
  sums.data<double>()[at] = tensor::dispatch_floating(x.dtype(), [&](auto zero) {
    const auto* data = x.data<decltype(zero)>();
    return tensor::parallel_sum(x.numel(), tensor::elementwise_grain,
                                [&](int64_t begin, int64_t end) { return squares_of_block(data + begin, end - begin); });
  });
}

}  // namespace nn::cpu
