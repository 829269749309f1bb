#pragma once
// The differentiable ops. Each has a file of its own with forward and backward side by side; shapes, costs and numerics are in the
// header of the same stem under tensor/ops/.

#include <vector>

#include "autograd/variable.h"
#include "tensor/ops/batch_norm.h"
#include "tensor/ops/conv2d.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/pool2d.h"
#include "tensor/ops/region_pool.h"

namespace autograd {

// elementwise.cpp
Variable add(const Variable& a, const Variable& b);
Variable subtract(const Variable& a, const Variable& b);
Variable multiply(const Variable& a, const Variable& b);
Variable divide(const Variable& a, const Variable& b);
Variable scale(const Variable& x, double factor);
Variable add_scalar(const Variable& x, double term);
Variable relu(const Variable& x);
Variable exp(const Variable& x);
Variable log(const Variable& x);
Variable sqrt(const Variable& x);
inline Variable operator+(const Variable& a, const Variable& b) { return add(a, b); }
inline Variable operator-(const Variable& a, const Variable& b) { return subtract(a, b); }
inline Variable operator*(const Variable& a, const Variable& b) { return multiply(a, b); }

// reshape.cpp: the same elements under another shape; one extent may be -1
Variable reshape(const Variable& x, std::vector<int64_t> extents);

// broadcast.cpp: (rows, C) with a bias or row (C), or a column (rows)
Variable add_bias(const Variable& x, const Variable& bias);
Variable multiply_row(const Variable& x, const Variable& row);
Variable add_column(const Variable& x, const Variable& column);
Variable multiply_column(const Variable& x, const Variable& column);

// reduce.cpp
Variable sum(const Variable& x);
Variable sum(const Variable& x, int axis);  ///< axis 0 or -1
Variable mean(const Variable& x);

// matmul.cpp
Variable matmul(const Variable& a, const Variable& b, tensor::ops::Transpose transpose_a = tensor::ops::Transpose::no,
                tensor::ops::Transpose transpose_b = tensor::ops::Transpose::no);
// linear.cpp: y = x w^T + b, x (rows, I), w (O, I), b (O) or undefined
Variable linear(const Variable& x, const Variable& w, const Variable& b);

// conv2d.cpp
Variable conv2d(const Variable& x, const Variable& w, tensor::ops::Conv2dParams params);

// batch_norm.cpp: statistics of the batch; `residual` may be undefined. The result of the kernel (mean, variance) goes to `statistics`
// unless null.
Variable batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, const Variable& residual,
                    tensor::ops::BatchNormParams params, tensor::ops::BatchNormResult* statistics = nullptr);
/// Given statistics (constants).
Variable batch_norm_inference(const Variable& x, const Variable& gamma, const Variable& beta, const Tensor& running_mean,
                              const Tensor& running_var, const Variable& residual, tensor::ops::BatchNormParams params);

// pool2d.cpp
Variable max_pool2d(const Variable& x, tensor::ops::Pool2dParams params);
// region_pool.cpp
Variable region_pool(const Variable& x, const std::vector<tensor::ops::Rect>& rects);
/// (N,H,W,C) -> (N,C)
Variable global_average_pool(const Variable& x);
// subsample_pad.cpp
Variable subsample_pad(const Variable& x, int64_t stride, int64_t channels);

// softmax.cpp
Variable softmax(const Variable& x);
Variable log_softmax(const Variable& x);
// cross_entropy.cpp: labels i64 (rows)
Variable cross_entropy(const Variable& logits, const Tensor& labels, double label_smoothing = 0);
// l2_normalize.cpp
Variable l2_normalize(const Variable& x, double eps = 1e-10);

}  // namespace autograd
