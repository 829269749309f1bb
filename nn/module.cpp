#include "nn/module.h"

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

std::vector<Start> Module::parameter_starts() const {
  std::vector<Start> all;
  visit("", [&](const std::string&, const Module& module) {
    all.insert(all.end(), module.parameter_starts_.begin(), module.parameter_starts_.end());
  });
  return all;
}

std::vector<double> Module::buffer_starts() const {
  std::vector<double> all;
  visit("", [&](const std::string&, const Module& module) {
    all.insert(all.end(), module.buffer_starts_.begin(), module.buffer_starts_.end());
  });
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
  CHECK(!name.empty(), "a part of a module needs a name");
  bool known = false;
  for (const NamedParameter& parameter : parameters_) known = known || parameter.name == name;
  for (const NamedBuffer& buffer : buffers_) known = known || buffer.name == name;
  for (const auto& child : children_) known = known || child.first == name;
  CHECK(!known, "the module has two parts called '{}'", name);
}

Variable Module::register_parameter(const std::string& name, Tensor value, Start start) {
  check_new_name(name);
  Variable variable(std::move(value), true);
  parameters_.push_back({name, variable});
  parameter_starts_.push_back(start);
  return variable;
}

void Module::register_buffer(const std::string& name, Tensor* tensor, double start) {
  check_new_name(name);
  buffers_.push_back({name, tensor});
  buffer_starts_.push_back(start);
}

void Module::register_module(const std::string& name, Module* module) {
  check_new_name(name);
  children_.emplace_back(name, module);
}

}  // namespace nn
