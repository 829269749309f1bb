#pragma once
// Batch normalization (Ioffe and Szegedy, 2015) fused with the residual sum and ReLU that follow it in a ResNet.
//
// maths    mean[c] = sum_r x[r,c] / R     var[c] = sum_r (x[r,c] - mean[c])^2 / R     rstd = 1 / sqrt(var + eps)
//          z = gamma * (x - mean) * rstd + beta (+ residual)      y = relu ? max(z, 0) : z
// shapes   x, residual, y (.., C), R = rows = product of the other extents; gamma, beta, mean, rstd, running_* (C); f32 and f64
// cost     12 FLOP per element, memory-bound; forward reads x twice, residual once, writes y once; backward reads x, y, dy twice, writes dx
//          (and dresidual) once
// numerics sums in double; the variance from centered values, not from E[x^2] - mean^2

#include "tensor/tensor.h"

namespace tensor::ops {

struct BatchNormParams {
  double eps = 1e-5;
  bool relu = false;
};

struct BatchNormResult {
  Tensor y, mean, rstd;  ///< y like x; mean and rstd (C), kept for the backward pass
  Tensor var;            ///< (C), biased, for the running statistics
};

/// Training: statistics of this batch. `residual` may be undefined. Error: R = 1, whose variance is 0.
BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual, BatchNormParams params);

/// running = (1 - momentum) * running + momentum * batch, in place; with the unbiased variance var * R / (R - 1).
void update_running_statistics(Tensor& running_mean, Tensor& running_var, const BatchNormResult& batch, int64_t rows, double momentum);

/// Inference: given statistics.
Tensor batch_norm_inference(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean, const Tensor& var,
                            const Tensor& residual, BatchNormParams params);

struct BatchNormGradients {
  Tensor dx, dgamma, dbeta;
  Tensor dresidual;  ///< undefined unless asked for; without ReLU it shares dy's storage
};
/// Of training. With g = dy * [y > 0] (relu) or dy:  dbeta = sum g,  dgamma = sum g * xhat,
/// dx = gamma * rstd * (g - dbeta / R - xhat * dgamma / R),  dresidual = g.
BatchNormGradients batch_norm_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& rstd, const Tensor& y,
                                   const Tensor& dy, BatchNormParams params, bool needs_dresidual);

/// Of inference, whose statistics are constants: dx = gamma * rstd * g.
BatchNormGradients batch_norm_inference_grad(const Tensor& x, const Tensor& gamma, const Tensor& mean, const Tensor& var, const Tensor& y,
                                             const Tensor& dy, BatchNormParams params, bool needs_dresidual);

namespace naive {  // channel by channel, in double, rounded once
decltype(ops::batch_norm) batch_norm;
decltype(ops::batch_norm_grad) batch_norm_grad;
}  // namespace naive

namespace cpu {
decltype(ops::batch_norm) batch_norm;
decltype(ops::update_running_statistics) update_running_statistics;
decltype(ops::batch_norm_inference) batch_norm_inference;
decltype(ops::batch_norm_grad) batch_norm_grad;
decltype(ops::batch_norm_inference_grad) batch_norm_inference_grad;
}  // namespace cpu

namespace cuda {
decltype(ops::batch_norm) batch_norm;
decltype(ops::update_running_statistics) update_running_statistics;
decltype(ops::batch_norm_inference) batch_norm_inference;
decltype(ops::batch_norm_grad) batch_norm_grad;
decltype(ops::batch_norm_inference_grad) batch_norm_inference_grad;
}  // namespace cuda

}  // namespace tensor::ops
