#pragma once
// Variable: a tensor that remembers how it was computed, and the reverse sweep over that memory.

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace autograd {

using tensor::Device;
using tensor::Dtype;
using tensor::Shape;
using tensor::Tensor;

/// Which of an op's inputs need a gradient, in the order in which record() got them.
class Needs {
 public:
  explicit Needs(std::vector<bool> needed) : needed_(std::move(needed)) {}
  bool operator[](size_t input) const { return needed_.at(input); }
  bool any() const {
    for (const bool needed : needed_)
      if (needed) return true;
    return false;
  }

 private:
  std::vector<bool> needed_;
};

/// One gradient per input, of the input's shape and dtype; an undefined tensor where none is needed.
using Gradients = std::vector<Tensor>;
using Backward = std::function<Gradients(const Tensor& dy, const Needs& needs_input_grad)>;

struct Node;        // autograd/engine.cpp
struct RecordedOp;  // autograd/graph.h

/// A shared handle: copies are the same variable. The graph is not part of the value: an op's node keeps the nodes of its inputs, not their
/// values, so that a value lives only as long as a Variable or a closure that captured it.
class Variable {
 public:
  Variable() = default;  ///< undefined, e.g. a residual that is not there
  explicit Variable(Tensor value, bool requires_grad = false);

  bool defined() const { return value_ != nullptr; }
  const Tensor& value() const;
  const Shape& shape() const { return value().shape(); }
  /// The leaf's value, for writing in place outside a graph: optimizers, loaders, gradient checks.
  Tensor& mutable_value();
  /// A leaf's value moves there, and its gradient is dropped; for all who hold the variable.
  void move_to(Device device);
  bool requires_grad() const;
  /// Sum of the gradients of all backward passes since the last zero_grad(); undefined when none has arrived. Leaves only.
  const Tensor& grad() const;
  void zero_grad();

  /// Reverse sweep from this scalar. Frees its graph: a second backward on it is an error.
  void backward() const;
  /// Reverse sweep with a given dL/dy of the variable's shape.
  void backward(const Tensor& dy) const;

  /// The op's name; "leaf" for a leaf and for a value computed without a graph.
  const char* op() const;

 private:
  friend Variable record(const char*, Tensor, std::vector<Variable>, Backward);
  friend std::vector<RecordedOp> recorded_graph(const Variable&, const std::vector<std::pair<std::string, Variable>>&);
  std::shared_ptr<Tensor> value_;  // shared, so that every copy sees the optimizer write
  std::shared_ptr<Node> node_;     // null where no gradient is wanted
};

/// Makes the result of an op. `backward` is kept only when grad mode is on and an input requires a gradient.
/// Inputs may be undefined (an optional argument); they need no gradient. First order only: the closure works on tensors.
Variable record(const char* name, Tensor value, std::vector<Variable> inputs, Backward backward);

/// While one lives, record() keeps nothing on this thread.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};
bool grad_enabled();

/// acc += gradient (an undefined acc becomes the gradient), the only place where gradients add up: checks shape, dtype and device; `what`
/// names the receiver in the message. Writes in place only where no one else shares acc's storage.
void accumulate(Tensor& acc, const Tensor& gradient, const char* what);

}  // namespace autograd
