#include "nn/layers.h"

#include <cmath>

namespace nn {
namespace {

const Init zeros{Init::Kind::constant, 0}, ones{Init::Kind::constant, 1};

}  // namespace

// He et al., "Delving deep into rectifiers", 2015, eq. 14: with ReLU, Var(w) = 2 / fan_out keeps the variance of gradients constant from
// layer to layer.
Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t stride, int64_t padding) : params_{stride, padding} {
  CHECK(in_channels > 0 && out_channels > 0 && kernel > 0 && stride > 0 && padding >= 0,
        "Conv2d({}, {}, kernel {}, stride {}, padding {}): channels, kernel and stride must be positive, padding at least 0", in_channels,
        out_channels, kernel, stride, padding);
  const double std = std::sqrt(2.0 / static_cast<double>(kernel * kernel * out_channels));
  weight = register_parameter("weight", Tensor::zeros({out_channels, kernel, kernel, in_channels}), {Init::Kind::normal, std});
}

Variable Conv2d::operator()(const Variable& x) const { return autograd::conv2d(x, weight, params_); }

Linear::Linear(int64_t in_features, int64_t out_features, bool with_bias) {
  CHECK(in_features > 0 && out_features > 0, "Linear({}, {}): both sizes must be positive", in_features, out_features);
  const Init init{Init::Kind::uniform, 1 / std::sqrt(static_cast<double>(in_features))};
  weight = register_parameter("weight", Tensor::zeros({out_features, in_features}), init);
  if (with_bias) bias = register_parameter("bias", Tensor::zeros({out_features}), init);
}

Variable Linear::operator()(const Variable& x) const { return autograd::linear(x, weight, bias); }

BatchNorm2d::BatchNorm2d(int64_t channels, double eps, double momentum)
    : running_mean(Tensor::zeros({channels})),
      running_var(Tensor::full({channels}, 1)),
      num_batches_tracked(Tensor::zeros({}, Dtype::i64)),
      eps_(eps),
      momentum_(momentum) {
  CHECK(channels > 0, "BatchNorm2d({}): the number of channels must be positive", channels);
  weight = register_parameter("weight", Tensor::full({channels}, 1), ones);
  bias = register_parameter("bias", Tensor::zeros({channels}), zeros);
  register_buffer("running_mean", &running_mean, 0);
  register_buffer("running_var", &running_var, 1);
  register_buffer("num_batches_tracked", &num_batches_tracked, 0);
}

Variable BatchNorm2d::operator()(const Variable& x, bool relu, const Variable& residual) {
  const tensor::ops::BatchNormParams params{eps_, relu};
  if (!training()) return autograd::batch_norm_inference(x, weight, bias, running_mean, running_var, residual, params);
  tensor::ops::BatchNormResult statistics;
  Variable y = autograd::batch_norm(x, weight, bias, residual, params, &statistics);
  const int64_t rows = x.value().numel() / x.shape()[-1];
  tensor::ops::update_running_statistics(running_mean, running_var, statistics, rows, momentum_);
  ++*num_batches_tracked.data<int64_t>();
  return y;
}

}  // namespace nn
