#pragma once
// Stochastic gradient descent with momentum and weight decay, as in PyTorch. A parameter without gradient is neither stepped nor decayed.
//   g = dw + weight_decay * w;   v = momentum * v + g (first step: v = g);   w -= lr * (nesterov ? g + momentum * v : v)
// Source of Nesterov's form: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.

#include <map>
#include <string>

#include "nn/module.h"
#include "tensor/math.h"

namespace nn {

struct SgdOptions {
  double lr = 0.1;
  double momentum = 0.9;
  double weight_decay = 0;
  bool nesterov = false;
  bool decay_vectors = true;  ///< false: no weight decay for parameters of one axis (BatchNorm's gamma and beta, biases)
};

class Sgd {
 public:
  Sgd(std::vector<Module::NamedParameter> parameters, SgdOptions options);
  /// One update by gradients times `gradient_scale` (clip_factor in nn/gradient_norm.h).
  void step(double gradient_scale = 1);
  void zero_grad();
  void set_lr(double lr) { options_.lr = lr; }
  const SgdOptions& options() const { return options_; }
  const std::vector<Module::NamedParameter>& parameters() const { return parameters_; }
  /// Names of the parameters without weight decay: those of one axis, unless options().decay_vectors.
  std::vector<std::string> undecayed() const;
  /// The velocities as "momentum.<parameter>", copies on the cpu, for an exact resume. A parameter without a step has none.
  std::map<std::string, Tensor> state() const;
  /// Ignores names other than "momentum.*". Error, with nothing loaded: a velocity of an unknown parameter or of another shape.
  void load_state(const std::map<std::string, Tensor>& state);

 private:
  bool decays(const Variable& parameter) const { return options_.decay_vectors || parameter.shape().rank() != 1; }

  std::vector<Module::NamedParameter> parameters_;
  std::vector<Tensor> velocity_;
  SgdOptions options_;
};

/// The update of one element; `first` writes v without reading it.
template <class T, bool first, bool nesterov>
struct SgdUpdate {
  T lr, momentum, weight_decay;
  HOST_DEVICE void operator()(T& w, T& v, T dw) const {
    const T g = dw + weight_decay * w;
    const T velocity = first ? g : momentum * v + g;
    v = velocity;
    w -= lr * (nesterov ? g + momentum * velocity : velocity);
  }
};

/// call(SgdUpdate<T, first, nesterov>) for these options.
template <class Call>
void dispatch_sgd(Dtype dtype, const SgdOptions& options, bool first, const Call& call) {
  tensor::dispatch_floating(dtype, [&](auto zero) {
    using T = decltype(zero);
    const T lr = static_cast<T>(options.lr), momentum = static_cast<T>(options.momentum), decay = static_cast<T>(options.weight_decay);
    if (first && options.nesterov) return call(SgdUpdate<T, true, true>{lr, momentum, decay});
    if (first) return call(SgdUpdate<T, true, false>{lr, momentum, decay});
    if (options.nesterov) return call(SgdUpdate<T, false, true>{lr, momentum, decay});
    return call(SgdUpdate<T, false, false>{lr, momentum, decay});
  });
}

/// Updates w and v (same shape, f32 or f64) in place, in one pass. With `first` v is not read. The kernel of Sgd::step.
/// 6 FLOP per element, memory-bound: reads w, v, dw once, writes w, v once.
void sgd_update(Tensor& w, Tensor& v, const Tensor& dw, const SgdOptions& options, bool first);

namespace cpu {
decltype(nn::sgd_update) sgd_update;
}  // namespace cpu

namespace cuda {
decltype(nn::sgd_update) sgd_update;
}  // namespace cuda

}  // namespace nn
