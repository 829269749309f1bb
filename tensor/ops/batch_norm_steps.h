#pragma once
// The staircase of batch normalization, one idea a step. The last step is cuda::batch_norm and cuda::batch_norm_grad.

#include "tensor/ops/batch_norm.h"

namespace tensor::ops::cuda::steps {

// 1. A thread for each channel walks down its column: three times forward (mean, variance, y), twice backward (the two sums, dx). The
// formulas
//    of the header as they stand, and as many threads as channels.
BatchNormResult batch_norm_thread_per_channel(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual,
                                              BatchNormParams params);
BatchNormGradients batch_norm_grad_thread_per_channel(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& gamma,
                                                      const Tensor& mean, const Tensor& rstd, BatchNormParams params, bool needs_dresidual);

// 2. Statistics in two stages: a block sums one slice of the rows and centers its squares on the slice's own mean, a second launch joins
// the
//    slices. Residual sum and ReLU are ops of their own: y is written three times and read twice.
BatchNormResult batch_norm_two_stages(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual,
                                      BatchNormParams params);

// 3. cuda::batch_norm: residual sum and ReLU happen on the way, while the value is in a register. cuda::batch_norm_grad: the two sums and
// the
//    mask in one pass, dx in another.

}  // namespace tensor::ops::cuda::steps
