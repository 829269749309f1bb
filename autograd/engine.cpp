// The engine: the graph that record() builds, and the reverse sweep. Nothing here is recursive, so that a graph may be 100,000 ops deep.

#include <algorithm>
#include <atomic>
#include <map>

#include "autograd/graph.h"
#include "tensor/ops/elementwise.h"

namespace autograd {

/// One op of the graph (or a leaf), without its value: only the fields that the sweep needs.
struct Node {
  const char* op = "leaf";
  Shape shape;
  Dtype dtype = Dtype::f32;
  Device device;
  uint64_t age = 0;                           // order of creation: an op is younger than its inputs
  std::vector<std::shared_ptr<Node>> inputs;  // null where the input needs no gradient
  Backward backward;                          // empty for a leaf, and once the sweep has passed
  Tensor grad;                                // a leaf's sum; elsewhere only alive between arrival and use
  bool freed = false;
  bool reached = false;  // a mark of reachable_from(), false outside of it

  bool is_leaf() const { return !freed && !backward; }
  void free_graph() {
    freed = true;
    backward = nullptr;
    inputs.clear();
    grad = Tensor();
  }
  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // The default would destroy inputs within inputs, one stack frame per op. Here a dying node hands its inputs to one list.
  ~Node() {
    std::vector<std::shared_ptr<Node>> doomed = std::move(inputs);
    while (!doomed.empty()) {
      const std::shared_ptr<Node> node = std::move(doomed.back());
      doomed.pop_back();
      if (node == nullptr || node.use_count() > 1) continue;
      doomed.insert(doomed.end(), std::make_move_iterator(node->inputs.begin()), std::make_move_iterator(node->inputs.end()));
      node->inputs.clear();
    }
  }
};

namespace {

thread_local bool grad_mode = true;

std::shared_ptr<Node> make_node(const char* op, const Tensor& value) {
  static std::atomic<uint64_t> births{0};
  auto node = std::make_shared<Node>();
  node->op = op;
  node->shape = value.shape();
  node->dtype = value.dtype();
  node->device = value.device();
  node->age = births.fetch_add(1, std::memory_order_relaxed);
  return node;
}

void check_like(const char* what, const Tensor& gradient, const Shape& shape, Dtype dtype, Device device) {
  CHECK(gradient.shape() == shape, "{}: a gradient of shape {} for a value of shape {}", what, gradient.shape().to_string(),
        shape.to_string());
  CHECK(gradient.dtype() == dtype, "{}: a gradient of dtype {} for a value of dtype {}", what, name(gradient.dtype()), name(dtype));
  CHECK(gradient.device() == device, "{}: a gradient on {} for a value on {}", what, gradient.device().to_string(), device.to_string());
}

/// Every node below `root`, oldest first. Ages make it a topological order: taken from the back, an op comes before its inputs.
std::vector<std::shared_ptr<Node>> reachable_from(const std::shared_ptr<Node>& root) {
  std::vector<std::shared_ptr<Node>> found = {root};
  root->reached = true;
  for (size_t at = 0; at < found.size(); ++at) {
    for (size_t input = 0; input < found[at]->inputs.size(); ++input) {
      const std::shared_ptr<Node> node = found[at]->inputs[input];
      if (node == nullptr || node->reached) continue;
      node->reached = true;
      found.push_back(node);
    }
  }
  for (const auto& node : found) node->reached = false;
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a->age < b->age; });
  return found;
}

/// The gradients of one op's inputs, checked. Without the check a closure that forgets an input would train a little worse, with no error.
Gradients input_gradients(const Node& node, const Tensor& dy) {
  std::vector<bool> needed;
  for (const auto& input : node.inputs) needed.push_back(input != nullptr);
  Gradients gradients = node.backward(dy, Needs(needed));
  CHECK(gradients.size() == node.inputs.size(), "{}: its backward returned {} gradients for {} inputs", node.op, gradients.size(),
        node.inputs.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (node.inputs[i] == nullptr) continue;
    CHECK(gradients[i].defined(), "{}: its backward returned no gradient for input {}, which needs one", node.op, i);
    check_like(node.op, gradients[i], node.inputs[i]->shape, node.inputs[i]->dtype, node.inputs[i]->device);
  }
  return gradients;
}

void sweep(const std::shared_ptr<Node>& root, const Tensor& dy) {
  std::vector<std::shared_ptr<Node>> order = reachable_from(root);
  for (const auto& node : order)
    CHECK(!node->freed, "backward: the graph of '{}' was freed by an earlier backward pass; compute the value again", node->op);
  accumulate(root->grad, dy, root->op);
  try {
    for (; !order.empty(); order.pop_back()) {
      Node& node = *order.back();
      if (node.is_leaf()) continue;
      const Tensor gradient = std::move(node.grad);
      Gradients gradients = input_gradients(node, gradient);
      for (size_t i = 0; i < gradients.size(); ++i)
        if (node.inputs[i] != nullptr) accumulate(node.inputs[i]->grad, gradients[i], node.op);
      node.free_graph();
    }
  } catch (...) {
    // Half a sweep cannot be continued, and its gradients must not leak into the next one.
    for (const auto& node : order)
      if (!node->is_leaf()) node->free_graph();
    throw;
  }
}

}  // namespace

Variable::Variable(Tensor value, bool requires_grad) {
  CHECK(value.defined(), "a variable needs a tensor; an argument that is left out is Variable()");
  CHECK(!requires_grad || value.dtype() == Dtype::f32 || value.dtype() == Dtype::f64 || value.dtype() == Dtype::bf16,
        "only floating types have gradients, the tensor is {}", name(value.dtype()));
  if (requires_grad) node_ = make_node("leaf", value);
  value_ = std::make_shared<Tensor>(std::move(value));
}

const Tensor& Variable::value() const {
  CHECK(defined(), "value() of an undefined variable");
  return *value_;
}

Tensor& Variable::mutable_value() {
  CHECK(defined(), "mutable_value() of an undefined variable");
  CHECK(node_ == nullptr || node_->is_leaf(), "mutable_value() of the result of '{}': only leaves are written in place", node_->op);
  return *value_;
}

void Variable::move_to(Device device) {
  Tensor& value = mutable_value();
  zero_grad();
  value = value.to(device);
  if (node_ != nullptr) node_->device = device;  // where its gradient is expected from now on
}

bool Variable::requires_grad() const { return node_ != nullptr; }

const Tensor& Variable::grad() const {
  static const Tensor none;
  CHECK(node_ == nullptr || node_->is_leaf(), "grad() of the result of '{}': only leaves keep their gradient", node_->op);
  return node_ == nullptr ? none : node_->grad;
}

void Variable::zero_grad() {
  if (node_ != nullptr && node_->is_leaf()) node_->grad = Tensor();
}

void Variable::backward() const {
  CHECK(defined(), "backward() of an undefined variable");
  CHECK(value().numel() == 1, "backward() starts from a scalar, this is {}; give dL/dy or take sum() or mean() first", shape().to_string());
  backward(Tensor::full(shape(), 1, value().dtype(), value().device()));
}

void Variable::backward(const Tensor& dy) const {
  CHECK(defined(), "backward() of an undefined variable");
  CHECK(node_ != nullptr, "backward() of a variable that needs no gradient: none of its inputs has requires_grad, or a NoGrad was alive");
  CHECK(dy.defined(), "backward(): expected dL/dy of shape {}, got an undefined tensor", shape().to_string());
  check_like("backward()", dy, node_->shape, node_->dtype, node_->device);
  sweep(node_, dy);
}

const char* Variable::op() const { return node_ == nullptr ? "leaf" : node_->op; }

Variable record(const char* name, Tensor value, std::vector<Variable> inputs, Backward backward) {
  CHECK(backward != nullptr, "{}: record() needs a backward function", name);
  Variable result(std::move(value));
  const bool needed = grad_mode && std::any_of(inputs.begin(), inputs.end(), [](const Variable& input) { return input.requires_grad(); });
  if (!needed) return result;
  result.node_ = make_node(name, *result.value_);
  result.node_->backward = std::move(backward);
  for (Variable& input : inputs) result.node_->inputs.push_back(std::move(input.node_));
  return result;
}

NoGrad::NoGrad() : before_(grad_mode) { grad_mode = false; }
NoGrad::~NoGrad() { grad_mode = before_; }
bool grad_enabled() { return grad_mode; }

std::vector<RecordedOp> recorded_graph(const Variable& root, const std::vector<std::pair<std::string, Variable>>& named) {
  CHECK(root.defined(), "recorded_graph() of an undefined variable");
  std::vector<RecordedOp> graph;
  if (root.node_ == nullptr) return graph;
  std::map<const Node*, std::string> names;
  for (const auto& [name, variable] : named)
    if (variable.defined()) names[variable.node_.get()] = name;
  std::map<const Node*, int64_t> places = {{nullptr, -1}};
  for (const auto& node : reachable_from(root.node_)) {
    CHECK(!node->freed, "recorded_graph: the graph of '{}' was freed by a backward pass; call it before backward()", node->op);
    places[node.get()] = static_cast<int64_t>(graph.size());
    const auto found = names.find(node.get());
    RecordedOp op{node->op, found == names.end() ? "" : found->second, node->shape, {}};
    for (const auto& input : node->inputs) op.inputs.push_back(places.at(input.get()));
    graph.push_back(std::move(op));
  }
  return graph;
}

void accumulate(Tensor& acc, const Tensor& gradient, const char* what) {
  CHECK(gradient.defined(), "{}: accumulate() got an undefined gradient", what);
  if (!acc.defined()) {
    acc = gradient;  // shared, not copied: the closure may have handed the same tensor to several inputs
    return;
  }
  check_like(what, gradient, acc.shape(), acc.dtype(), acc.device());
  if (acc.unique())
    tensor::ops::add_into(acc, gradient);
  else
    acc = tensor::ops::add(acc, gradient);
}

}  // namespace autograd
