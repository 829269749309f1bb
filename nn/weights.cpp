// Conversion between the parameters of a module and tensors with PyTorch's names and layouts.

#include <algorithm>

#include "nn/checkpoint.h"
#include "nn/text.h"
#include "tensor/ops/elementwise.h"

namespace nn {
namespace {

constexpr const char* counter_suffix = "num_batches_tracked";

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// (O, I, KH, KW) -> (O, KH, KW, I) with `to_channels_last`, else the inverse.
Tensor move_axis(const Tensor& x, bool to_channels_last) {
  const int64_t o = x.dim(0), first = to_channels_last ? x.dim(1) : x.dim(1) * x.dim(2),
                second = x.numel() / std::max<int64_t>(o * first, 1);
  Tensor y(to_channels_last ? Shape{o, x.dim(2), x.dim(3), x.dim(1)} : Shape{o, x.dim(3), x.dim(1), x.dim(2)}, x.dtype());
  tensor::dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    for (int64_t n = 0; n < o; ++n, in += first * second, out += first * second)
      for (int64_t i = 0; i < first; ++i)
        for (int64_t j = 0; j < second; ++j) out[j * first + i] = in[i * second + j];
  });
  return y;
}

Shape file_shape(const Shape& shape) { return shape.rank() == 4 ? Shape{shape[0], shape[3], shape[1], shape[2]} : shape; }

/// A parameter or a buffer of the module.
struct Target {
  Variable parameter;
  Tensor* buffer = nullptr;
  const Tensor& value() const { return buffer ? *buffer : parameter.value(); }
};

std::map<std::string, Target> targets_of(const Module& module) {
  std::map<std::string, Target> targets;
  for (const Module::NamedParameter& parameter : module.named_parameters()) targets[parameter.name] = {parameter.variable, nullptr};
  for (const Module::NamedBuffer& buffer : module.named_buffers()) targets[buffer.name] = {{}, buffer.tensor};
  return targets;
}

/// The tensor with the dtype and layout of the target. On failure `fault` is the reason, otherwise it stays empty.
Tensor convert(const std::string& name, const Tensor& tensor, const Tensor& target, std::string& fault) {
  const std::string shown = printable(name);
  if (tensor.shape() != file_shape(target.shape())) {
    fault = fmt::format("{} has shape {}, expected {}", shown, tensor.shape().to_string(), file_shape(target.shape()).to_string());
    return {};
  }
  if (target.dtype() == Dtype::i64) {
    if (tensor.dtype() == Dtype::i64) return tensor.clone();
    fault = fmt::format("{} is {}, expected i64", shown, tensor::name(tensor.dtype()));
    return {};
  }
  if (tensor.dtype() != Dtype::f32 && tensor.dtype() != Dtype::f64 && tensor.dtype() != Dtype::bf16) {
    fault = fmt::format("{} is {}, expected f32, f64, f16 or bf16", shown, tensor::name(tensor.dtype()));
    return {};
  }
  Tensor converted = tensor.dtype() == target.dtype() ? tensor : tensor::ops::cast(tensor, target.dtype());
  if (!tensor::ops::all_finite(converted)) {  // after the cast, in which a large f64 overflows
    fault = fmt::format("{} has values that are not finite in {}", shown, tensor::name(target.dtype()));
    return {};
  }
  if (ends_with(name, "running_var")) {
    const std::vector<double> values = converted.to_vector();
    if (std::any_of(values.begin(), values.end(), [](double value) { return value < 0; })) {
      fault = fmt::format("{} has a negative variance", shown);
      return {};
    }
  }
  if (converted.rank() == 4) return move_axis(converted, /*to_channels_last=*/true);
  return converted.shares_storage(tensor) ? converted.clone() : converted;
}

/// "a, b, c and 12 more"
std::string first_names(const std::vector<std::string>& names) {
  constexpr size_t shown = 6;
  const std::vector<std::string> first(names.begin(), names.begin() + std::min(shown, names.size()));
  return fmt::format("{}{}", joined(first), names.size() > shown ? fmt::format(" and {} more", names.size() - shown) : "");
}

}  // namespace

std::string canonical_name(const std::string& name) {
  std::string rest = name;
  for (const char* prefix : {"module.", "encoder."})
    if (rest.compare(0, std::string(prefix).size(), prefix) == 0) rest.erase(0, std::string(prefix).size());
  std::string result;
  for (size_t begin = 0; begin <= rest.size();) {
    const size_t dot = std::min(rest.find('.', begin), rest.size());
    std::string part = rest.substr(begin, dot - begin);
    if (part == "linear" && begin == 0) part = "fc";
    if (part == "shortcut") part = "downsample";
    result += (begin ? "." : "") + part;
    begin = dot + 1;
  }
  return result;
}

std::string LoadReport::to_string() const {
  const auto list = [](const char* title, const std::vector<std::string>& names) {
    return names.empty() ? fmt::format("{} 0", title) : fmt::format("{} {} ({})", title, names.size(), first_names(names));
  };
  return fmt::format("{} tensors matched, {}, {}, {}", matched.size(), list("renamed", renamed), list("missing", missing),
                     list("unexpected", unexpected));
}

LoadReport load_weights(Module& module, const std::map<std::string, Tensor>& tensors) {
  std::map<std::string, Target> targets = targets_of(module);
  LoadReport report;
  std::map<std::string, std::string> source;  // name of the target -> name in the file
  std::map<std::string, Tensor> converted;
  std::vector<std::string> faults;
  for (const auto& [name, tensor] : tensors) {
    const std::string target_name = targets.count(name) ? name : canonical_name(name);
    const auto target = targets.find(target_name);
    if (target == targets.end()) {
      report.unexpected.push_back(printable(name));
      continue;
    }
    const auto [first, is_new] = source.emplace(target_name, name);
    if (!is_new) {
      faults.push_back(fmt::format("{} and {} are both names of {}", printable(first->second), printable(name), target_name));
      continue;
    }
    std::string fault;
    converted[target_name] = convert(name, tensor, target->second.value(), fault);
    if (!fault.empty()) faults.push_back(fault);
    report.matched.push_back(target_name);
    if (name != target_name) report.renamed.push_back(fmt::format("{} -> {}", printable(name), target_name));
  }
  for (const auto& [name, target] : targets)
    if (!source.count(name) && !ends_with(name, counter_suffix)) report.missing.push_back(name);

  if (!report.missing.empty()) faults.push_back("missing: " + first_names(report.missing));
  if (!report.unexpected.empty()) faults.push_back("unexpected: " + first_names(report.unexpected));
  if (!faults.empty())
    throw tensor::Error(fmt::format("the weights do not match the network ({} of {} tensors matched): {}", report.matched.size(),
                                    targets.size(), joined(faults, "; ")));
  for (auto& [name, tensor] : converted) {
    Target& target = targets[name];
    Tensor& value = target.buffer ? *target.buffer : target.parameter.mutable_value();
    value = tensor.to(value.device());
  }
  return report;
}

std::map<std::string, Tensor> export_weights(const Module& module) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, target] : targets_of(module)) {
    const Tensor value = target.value().to({});
    if (value.rank() == 4)
      tensors[name] = move_axis(value, /*to_channels_last=*/false);
    else
      tensors[name] = value.shares_storage(target.value()) ? value.clone() : value;
  }
  return tensors;
}

}  // namespace nn
