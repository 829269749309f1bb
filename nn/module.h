#pragma once
// Module: named parameters and buffers in a tree, under PyTorch's names, which checkpoints use (nn/README.md).

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

/// How a parameter starts; initialize() (nn/init.h) carries it out.
struct Start {
  enum class Kind { constant, normal, uniform };
  Kind kind = Kind::constant;
  double value = 0;  ///< the constant; the standard deviation; the bound b of U(-b, b)
};

/// Modules are neither copied nor moved: children register themselves by address.
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
    Tensor* tensor;    ///< the module's own; replaced or written in place by loaders and statistics
  };
  /// In the order of registration, depth first.
  std::vector<NamedParameter> named_parameters() const;
  std::vector<NamedBuffer> named_buffers() const;
  std::vector<Variable> parameters() const;
  int64_t parameter_count() const;
  /// How each starts, in the order of named_parameters() and of named_buffers().
  std::vector<Start> parameter_starts() const;
  std::vector<double> buffer_starts() const;

  /// Training mode (BatchNorm uses and updates batch statistics) or inference mode, for the whole tree.
  void train(bool on = true);
  void eval() { train(false); }
  /// Moves parameters and buffers of the whole tree; gradients are dropped. Counters (i64 buffers) stay on the cpu, which counts.
  void to(tensor::Device device);
  /// Of the first parameter; the cpu without any.
  tensor::Device device() const;
  bool training() const { return training_; }
  void zero_grad();

 protected:
  /// Each name stands once among a module's parameters, buffers and children; a child's may have dots ("layer1.0").
  Variable register_parameter(const std::string& name, Tensor value, Start start = {});
  void register_buffer(const std::string& name, Tensor* tensor, double start = 0);
  void register_module(const std::string& name, Module* module);

 private:
  template <class Visit>
  void visit(const std::string& prefix, const Visit& visitor) const;
  void check_new_name(const std::string& name) const;

  std::vector<NamedParameter> parameters_;
  std::vector<NamedBuffer> buffers_;
  std::vector<Start> parameter_starts_;
  std::vector<double> buffer_starts_;
  std::vector<std::pair<std::string, Module*>> children_;
  bool training_ = true;
};

}  // namespace nn
