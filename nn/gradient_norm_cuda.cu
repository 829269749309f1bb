// cost     scratch 8 bytes per 8192 elements
// parallel a block owns a slice of x and leaves its sum; one block of a second launch adds these sums
// numerics squares and sums in double, in a tree that the shape alone decides

#include "tensor/cuda/runtime.h"

#include <algorithm>

#include "nn/gradient_norm.h"
#include "tensor/math.h"
#include "tensor/ops/row_teams.h"

namespace nn::cuda {
namespace {

using tensor::ops::cuda::join_block;
using tensor::ops::cuda::Sum;

constexpr int threads = 256;
constexpr int64_t slice_elements = 8192;

template <bool squared, class T>
__global__ void __launch_bounds__(threads) sum_slice(const T* x, int64_t n, int64_t slice, double* sums) {
  const int64_t begin = blockIdx.x * slice, end = begin + slice < n ? begin + slice : n;
  double part = 0;
  for (int64_t i = begin + threadIdx.x; i < end; i += threads) {
    const double value = static_cast<double>(x[i]);
    part += squared ? value * value : value;
  }
  part = join_block<Sum, threads>(part);
  if (threadIdx.x == 0) sums[blockIdx.x] = part;
}

}  // namespace

void square_sum(const Tensor& x, Tensor& sums, int64_t at) {
  const int64_t slices = std::max<int64_t>(1, tensor::ceil_div(x.numel(), slice_elements));
  const auto stream = tensor::cuda::stream_of(x.device());
  Tensor parts({slices}, Dtype::f64, x.device());
  tensor::dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    tensor::cuda::launch(sum_slice<true, T>, slices, threads, 0, stream, x.data<T>(), x.numel(), slice_elements, parts.data<double>());
  });
  tensor::cuda::launch(sum_slice<false, double>, 1, threads, 0, stream, parts.data<double>(), slices, slices, sums.data<double>() + at);
}

}  // namespace nn::cuda
