#include "nn/module.h"

#include "tensor/parallel.h"
#include "tensor/philox.h"

namespace nn {

template <class Visit>
void Module::visit(const std::string& prefix, const Visit& visitor) const {
  visitor(prefix, *this);
  for (const auto& [name, child] : children_) child->visit(prefix + name + ".", visitor);
}

std::vector<Module::NamedParameter> Module::named_parameters() const {
  std::vector<NamedParameter> all;
  visit("", [&](const std::string& prefix, const Module& module) {
    for (const NamedParameter& own : module.parameters_) all.push_back({prefix + own.name, own.variable});
  });
  return all;
}

std::vector<Module::NamedBuffer> Module::named_buffers() const {
  std::vector<NamedBuffer> all;
  visit("", [&](const std::string& prefix, const Module& module) {
    for (const NamedBuffer& own : module.buffers_) all.push_back({prefix + own.name, own.tensor});
  });
  return all;
}

std::vector<Init> Module::parameter_inits() const {
  std::vector<Init> all;
  visit("", [&](const std::string&, const Module& module) {
    all.insert(all.end(), module.parameter_inits_.begin(), module.parameter_inits_.end());
  });
  return all;
}

std::vector<double> Module::buffer_inits() const {
  std::vector<double> all;
  visit("",
        [&](const std::string&, const Module& module) { all.insert(all.end(), module.buffer_inits_.begin(), module.buffer_inits_.end()); });
  return all;
}

std::vector<Variable> Module::parameters() const {
  std::vector<Variable> all;
  for (const NamedParameter& parameter : named_parameters()) all.push_back(parameter.variable);
  return all;
}

int64_t Module::parameter_count() const {
  int64_t count = 0;
  for (const NamedParameter& parameter : named_parameters()) count += parameter.variable.value().numel();
  return count;
}

void Module::train(bool on) {
  training_ = on;
  for (const auto& [name, child] : children_) child->train(on);
}

void Module::to(tensor::Device device) {
  for (NamedParameter& parameter : named_parameters()) parameter.variable.move_to(device);
  for (const NamedBuffer& buffer : named_buffers())
    if (buffer.tensor->dtype() != Dtype::i64) *buffer.tensor = buffer.tensor->to(device);
}

tensor::Device Module::device() const {
  const std::vector<NamedParameter> all = named_parameters();
  return all.empty() ? tensor::Device() : all[0].variable.value().device();
}

void Module::zero_grad() {
  for (NamedParameter& parameter : parameters_) parameter.variable.zero_grad();
  for (const auto& [name, child] : children_) child->zero_grad();
}

void Module::check_new_name(const std::string& name) const {
  CHECK(!name.empty(), "a parameter, buffer or child of a module needs a name");
  bool known = false;
  for (const NamedParameter& parameter : parameters_) known = known || parameter.name == name;
  for (const NamedBuffer& buffer : buffers_) known = known || buffer.name == name;
  for (const auto& child : children_) known = known || child.first == name;
  CHECK(!known, "the module has '{}' already; choose another name", name);
}

Variable Module::register_parameter(const std::string& name, Tensor value, Init init) {
  check_new_name(name);
  Variable variable(std::move(value), true);
  parameters_.push_back({name, variable});
  parameter_inits_.push_back(init);
  return variable;
}

void Module::register_buffer(const std::string& name, Tensor* tensor, double init) {
  check_new_name(name);
  buffers_.push_back({name, tensor});
  buffer_inits_.push_back(init);
}

void Module::register_module(const std::string& name, Module* module) {
  check_new_name(name);
  children_.emplace_back(name, module);
}

namespace {

// Elements 2i and 2i + 1 are drawn with counter i and the parameter's name, independent of threads and of other layers.
template <class T>
void draw(Tensor& tensor, const Init& init, uint64_t counter, uint64_t seed) {
  T* out = tensor.data<T>();
  const int64_t n = tensor.numel();
  tensor::parallel_for((n + 1) / 2, 1 << 12, [&](int64_t begin, int64_t end) {
    for (int64_t pair = begin; pair < end; ++pair) {
      const auto words = tensor::philox(seed, tensor::Stream::init, counter, static_cast<uint32_t>(pair));
      std::array<double, 2> values;
      if (init.kind == Init::Kind::normal) {
        values = tensor::normal_pair(words);
      } else {
        values = {2 * tensor::uniform(words[0], words[1]) - 1, 2 * tensor::uniform(words[2], words[3]) - 1};
      }
      out[2 * pair] = static_cast<T>(init.value * values[0]);
      if (2 * pair + 1 < n) out[2 * pair + 1] = static_cast<T>(init.value * values[1]);
    }
  });
}

}  // namespace

void initialize(Module& module, uint64_t seed) {
  const std::vector<Init> inits = module.parameter_inits();
  std::vector<Module::NamedParameter> parameters = module.named_parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    Tensor& value = parameters[i].variable.mutable_value();
    if (inits[i].kind == Init::Kind::constant) {
      value = Tensor::full(value.shape(), inits[i].value, value.dtype(), value.device());
      continue;
    }
    CHECK(value.numel() < (int64_t{1} << 33), "initialize: parameter {} has {} elements, expected fewer than 2^33 (a 32-bit counter)",
          parameters[i].name, value.numel());
    tensor::dispatch_floating(value.dtype(),
                              [&](auto zero) { draw<decltype(zero)>(value, inits[i], tensor::counter_of(parameters[i].name), seed); });
  }
  const std::vector<double> buffer_inits = module.buffer_inits();
  const std::vector<Module::NamedBuffer> buffers = module.named_buffers();
  for (size_t i = 0; i < buffers.size(); ++i) {
    Tensor& value = *buffers[i].tensor;
    value = Tensor::full(value.shape(), buffer_inits[i], value.dtype(), value.device());
  }
}

}  // namespace nn
