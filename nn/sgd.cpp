#include "nn/sgd.h"

#include <cmath>

#include "tensor/ops/elementwise.h"

namespace nn {
namespace {

const std::string prefix = "momentum.";

}  // namespace

Sgd::Sgd(std::vector<Module::NamedParameter> parameters, SgdOptions options)
    : parameters_(std::move(parameters)), velocity_(parameters_.size()), options_(options) {
  CHECK(!parameters_.empty(), "Sgd has no parameters to step");
  CHECK(std::isfinite(options.lr) && options.lr >= 0, "Sgd: lr is {}, expected a number >= 0", options.lr);
  CHECK(options.momentum >= 0 && options.momentum < 1, "Sgd: momentum is {}, expected 0 <= momentum < 1", options.momentum);
  CHECK(std::isfinite(options.weight_decay) && options.weight_decay >= 0, "Sgd: weight_decay is {}, expected a number >= 0",
        options.weight_decay);
  CHECK(!options.nesterov || options.momentum > 0, "Sgd: nesterov needs momentum > 0");
}

void Sgd::step(double gradient_scale) {
  CHECK(std::isfinite(gradient_scale), "Sgd: gradients are scaled by {}, expected a finite number", gradient_scale);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Variable& parameter = parameters_[i].variable;
    if (!parameter.grad().defined()) continue;
    Tensor& w = parameter.mutable_value();
    const bool first = !velocity_[i].defined();
    if (first) velocity_[i] = Tensor(w.shape(), w.dtype(), w.device());
    SgdOptions options = options_;
    if (!decays(parameter)) options.weight_decay = 0;
    // Scaled apart from the update: inside it the compiler would join the product to others, and unclipped runs would have other last bits.
    sgd_update(w, velocity_[i], gradient_scale == 1 ? parameter.grad() : tensor::ops::scale(parameter.grad(), gradient_scale), options,
               first);
  }
}

std::vector<std::string> Sgd::undecayed() const {
  std::vector<std::string> names;
  for (const Module::NamedParameter& parameter : parameters_)
    if (!decays(parameter.variable)) names.push_back(parameter.name);
  return names;
}

void Sgd::zero_grad() {
  for (Module::NamedParameter& parameter : parameters_) parameter.variable.zero_grad();
}

std::map<std::string, Tensor> Sgd::state() const {
  std::map<std::string, Tensor> state;
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (velocity_[i].defined())
      state.emplace(prefix + parameters_[i].name, velocity_[i].device().is_cpu() ? velocity_[i].clone() : velocity_[i].to({}));
  return state;
}

void Sgd::load_state(const std::map<std::string, Tensor>& state) {
  std::vector<Tensor> loaded(parameters_.size());
  size_t used = 0;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const auto found = state.find(prefix + parameters_[i].name);
    if (found == state.end()) continue;
    const Tensor& w = parameters_[i].variable.value();
    CHECK(found->second.shape() == w.shape() && found->second.dtype() == w.dtype(),
          "the saved {} is {} {}, the parameter is {} {}: it belongs to another network", found->first, tensor::name(found->second.dtype()),
          found->second.shape().to_string(), tensor::name(w.dtype()), w.shape().to_string());
    loaded[i] = w.device().is_cpu() ? found->second.clone() : found->second.to(w.device());
    ++used;
  }
  size_t present = 0;
  for (const auto& [name, velocity] : state)
    if (name.compare(0, prefix.size(), prefix) == 0) ++present;
  CHECK(present == used, "the saved state has {} velocities, only {} belong to this network's parameters", present, used);
  velocity_ = std::move(loaded);
}

void sgd_update(Tensor& w, Tensor& v, const Tensor& dw, const SgdOptions& options, bool first) {
  tensor::check_floating("sgd_update", {"w", w});
  tensor::check_same("sgd_update", {"w", w}, {"dw", dw});
  tensor::check_same("sgd_update", {"w", w}, {"v", v});
  DISPATCH_DEVICE(w, sgd_update, w, v, dw, options, first);
}

}  // namespace nn
