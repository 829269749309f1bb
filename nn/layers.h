#pragma once
// The layers of a ResNet, and the classification loss. A layer is constructed with zero weights; initialize() (nn/module.h) draws the
// weights of a whole network.

#include "autograd/ops.h"
#include "nn/module.h"

namespace nn {

using autograd::cross_entropy;  // (logits (R, C), labels i64 (R), label smoothing) -> ()

/// weight (O, KH, KW, I) without bias; x (N,H,W,I) -> (N,OH,OW,O).
class Conv2d : public Module {
 public:
  Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t stride, int64_t padding);
  Variable operator()(const Variable& x) const;
  const tensor::ops::Conv2dParams& params() const { return params_; }
  Variable weight;

 private:
  tensor::ops::Conv2dParams params_;
};

/// weight (O, I), bias (O); x (rows, I) -> (rows, O).
class Linear : public Module {
 public:
  Linear(int64_t in_features, int64_t out_features, bool with_bias = true);
  Variable operator()(const Variable& x) const;
  Variable weight, bias;
};

/// y = BatchNorm(x) [+ residual], optionally followed by ReLU, in one fused op; x (N, H, W, C).
/// Training mode normalizes with the batch statistics and updates the running statistics (unbiased variance).
class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(int64_t channels, double eps = 1e-5, double momentum = 0.1);
  Variable operator()(const Variable& x, bool relu = false, const Variable& residual = {});
  Variable weight, bias;                                  ///< gamma, beta (C)
  Tensor running_mean, running_var, num_batches_tracked;  ///< (C), (C), i64 ()

 private:
  double eps_, momentum_;
};

}  // namespace nn
