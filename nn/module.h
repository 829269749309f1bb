#pragma once
// Module: a tree of named parameters and buffers with PyTorch's names. initialize() draws the initial weights.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "autograd/variable.h"

namespace nn {

using autograd::Variable;
using tensor::Dtype;
using tensor::Shape;
using tensor::Tensor;

/// The initial distribution of a parameter.
struct Init {
  enum class Kind { constant, normal, uniform };
  Kind kind = Kind::constant;
  double value = 0;  ///< the constant; the standard deviation; the bound b of U(-b, b)
};

/// Modules are neither copied nor moved, because a parent keeps the addresses of its children.
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  struct NamedParameter {
    std::string name;  ///< "layer1.0.conv1.weight"
    Variable variable;
  };
  struct NamedBuffer {
    std::string name;  ///< "bn1.running_mean"
    Tensor* tensor;    ///< member of the module; loaders replace it, BatchNorm updates it in place
  };
  /// In registration order, depth first.
  std::vector<NamedParameter> named_parameters() const;
  std::vector<NamedBuffer> named_buffers() const;
  std::vector<Variable> parameters() const;
  int64_t parameter_count() const;
  /// The Init of every parameter and the initial value of every buffer, in the order of named_parameters() and named_buffers().
  std::vector<Init> parameter_inits() const;
  std::vector<double> buffer_inits() const;

  /// Sets training mode or inference mode for the whole tree. In training mode BatchNorm normalizes with batch statistics and updates its
  /// running statistics.
  void train(bool on = true);
  void eval() { train(false); }
  /// Moves parameters and buffers of the whole tree and drops gradients. Counters (i64 buffers) stay on the cpu, where they are incremented.
  void to(tensor::Device device);
  /// The device of the first parameter; the cpu for a module without parameters.
  tensor::Device device() const;
  bool training() const { return training_; }
  void zero_grad();

 protected:
  /// Names are unique among the parameters, buffers and children of a module. The name of a child may contain dots ("layer1.0").
  Variable register_parameter(const std::string& name, Tensor value, Init init = {});
  void register_buffer(const std::string& name, Tensor* tensor, double init = 0);
  void register_module(const std::string& name, Module* module);

 private:
  template <class Visit>
  void visit(const std::string& prefix, const Visit& visitor) const;
  void check_new_name(const std::string& name) const;

  std::vector<NamedParameter> parameters_;
  std::vector<NamedBuffer> buffers_;
  std::vector<Init> parameter_inits_;
  std::vector<double> buffer_inits_;
  std::vector<std::pair<std::string, Module*>> children_;
  bool training_ = true;
};

/// Fills every parameter and buffer of the tree. Random numbers depend on `seed` and the full name of the parameter alone, not on other
/// layers or the number of threads.
/// Conv2d: normal with std sqrt(2 / (KH KW O)) (He et al., 2015, fan-out); Linear: U(+-1/sqrt(fan_in)); BatchNorm: weight 1, bias 0,
/// running mean 0, running variance 1.
void initialize(Module& module, uint64_t seed);

}  // namespace nn
