#pragma once
// Stochastic gradient descent with momentum and weight decay, as PyTorch's: g = dw + weight_decay * w;  v = momentum * v + g (v = g at
// first); w -= lr * (nesterov ? g + momentum * v : v). A parameter without gradient is neither stepped nor decayed.
// Nesterov's form is Sutskever et al.'s, "On the importance of initialization and momentum in deep learning", ICML 2013.

#include <map>
#include <string>

#include "nn/module.h"

namespace nn {

struct SgdOptions {
  double lr = 0.1;
  double momentum = 0.9;
  double weight_decay = 0;
  bool nesterov = false;
  bool decay_vectors = true;  ///< false: parameters of one axis (BatchNorm's scale and shift, biases) are stepped, not decayed
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
  /// Names of the parameters that weight decay passes over: those of one axis, unless options().decay_vectors.
  std::vector<std::string> undecayed() const;
  /// The velocities under "momentum.<parameter>", copies on the cpu, for an exact resume; absent ones have not been stepped yet.
  std::map<std::string, Tensor> state() const;
  /// Other names than "momentum.*" are passed over; a velocity of no parameter or of another shape is an error, and nothing is taken over
  /// then.
  void load_state(const std::map<std::string, Tensor>& state);

 private:
  bool decays(const Variable& parameter) const { return options_.decay_vectors || parameter.shape().rank() != 1; }

  std::vector<Module::NamedParameter> parameters_;
  std::vector<Tensor> velocity_;
  SgdOptions options_;
};

/// w, v updated in place in one pass; v is written, not read, when `first`. f32 and f64. The kernel of Sgd::step.
void sgd_update(Tensor& w, Tensor& v, const Tensor& dw, const SgdOptions& options, bool first);

namespace cuda {
decltype(nn::sgd_update) sgd_update;
}  // namespace cuda

}  // namespace nn
