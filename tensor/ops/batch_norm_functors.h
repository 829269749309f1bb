#pragma once
// The formulas of batch normalization, one source for both devices. Sums and coefficients of a channel are double, elements are T.

#include <cstdint>

#include "tensor/math.h"

namespace tensor::ops {

/// z = gamma * (x - mean) * rstd + beta, with scale = gamma * rstd rounded once per channel.
struct Normalize {
  template <class T>
  HOST_DEVICE T operator()(T x, T mean, T scale, T beta) const {
    return (x - mean) * scale + beta;
  }
};

/// One step of an exponential moving average. For the variance, `weight` is momentum * R / (R - 1).
struct UpdateRunning {
  double momentum, weight;
  HOST_DEVICE double operator()(double running, double batch) const { return (1 - momentum) * running + weight * batch; }
};

/// dx = gamma * rstd * (g - dbeta / R - xhat * dgamma / R), regrouped into three coefficients per channel; autograd/batch_norm.cpp derives
/// it. With constant statistics dx = gamma * rstd * g.
struct BatchNormDx {
  double scale, slope, offset;

  HOST_DEVICE BatchNormDx(double gamma, double rstd, double dgamma, double dbeta, int64_t rows, bool constant_statistics)
      : scale(gamma * rstd),
        slope(constant_statistics ? 0 : scale * rstd * dgamma / static_cast<double>(rows)),
        offset(constant_statistics ? 0 : scale * dbeta / static_cast<double>(rows)) {}

  template <class T>
  static HOST_DEVICE T apply(T x, T g, T mean, T scale, T slope, T offset) {
    return scale * g - ((x - mean) * slope + offset);
  }
};

}  // namespace tensor::ops
