#pragma once
// The layers of a ResNet. Weights are drawn by philox(seed, Stream::init, parameter's full name), so that a layer's start does not depend
// on what stands before it: a layer is built uninitialized, and initialize() (nn/init.h) fills a whole tree.

#include "autograd/ops.h"
#include "nn/module.h"

namespace nn {

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

/// Fused with ReLU and residual. Training mode normalizes with the batch and moves the running statistics (momentum 0.1, unbiased
/// variance).
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
