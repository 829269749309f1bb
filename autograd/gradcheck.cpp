#include "autograd/gradcheck.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "tensor/philox.h"

namespace autograd {
namespace {

/// The error; the report keeps the largest. What is not a number compares as the largest of all.
double compare(GradcheckReport& report, const char* what, size_t input, int64_t element, double analytic, double expected) {
  const double scale = std::max({1.0, std::abs(analytic), std::abs(expected)});
  double error = std::abs(analytic - expected) / scale;
  if (!std::isfinite(analytic) || !std::isfinite(expected)) error = std::numeric_limits<double>::infinity();
  if (error > report.worst_error || (report.worst_where.empty() && error == report.worst_error)) {
    report.worst_error = error;
    report.worst_where = fmt::format("input {}, element {}: analytic {:.10g}, {} {:.10g}", input, element, analytic, what, expected);
  }
  return error;
}

std::vector<Variable> leaves(const std::vector<Tensor>& inputs, Device device) {
  std::vector<Variable> variables;
  for (const Tensor& input : inputs) variables.emplace_back(input.clone().to(device), true);
  return variables;
}

std::vector<double> gradient_or_zeros(const Variable& x) {
  return x.grad().defined() ? x.grad().to_vector() : std::vector<double>(static_cast<size_t>(x.value().numel()));
}

/// The gradient of <projection, f> by the function's own backward pass. Then each input alone needs a gradient: an op must not skip
/// an intermediate result that another gradient depends on.
std::vector<std::vector<double>> analytic_gradients(const Function& function, const std::vector<Tensor>& inputs, uint64_t seed,
                                                    Device device, Tensor& projection, GradcheckReport& report) {
  std::vector<Variable> variables = leaves(inputs, device);
  const Variable y = function(variables);
  CHECK(y.value().dtype() == Dtype::f64, "gradcheck: the function returned {}, expected f64", name(y.value().dtype()));
  CHECK(y.value().device() == device, "gradcheck: the function returned a value on {}, expected {}", y.value().device().to_string(),
        device.to_string());
  projection = random_input(y.shape(), seed, -1, 1, 0.1);
  const Tensor dy = projection.to(device);
  if (y.requires_grad()) y.backward(dy);
  std::vector<std::vector<double>> gradients;
  for (const Variable& x : variables) gradients.push_back(gradient_or_zeros(x));

  for (size_t alone = 0; inputs.size() > 1 && alone < inputs.size(); ++alone) {
    std::vector<Variable> mostly_constant;
    for (size_t i = 0; i < inputs.size(); ++i) mostly_constant.emplace_back(inputs[i].clone().to(device), i == alone);
    const Variable again = function(mostly_constant);
    if (again.requires_grad()) again.backward(dy);
    const std::vector<double>&a = gradients[alone], b = gradient_or_zeros(mostly_constant[alone]);
    for (size_t i = 0; i < a.size(); ++i) compare(report, "asked for alone", alone, static_cast<int64_t>(i), a[i], b[i]);
  }
  return gradients;
}

}  // namespace

GradcheckReport gradcheck(const Function& function, const std::vector<Tensor>& inputs, double tolerance, uint64_t seed, Device device,
                          GradcheckTrace* trace) {
  for (size_t i = 0; i < inputs.size(); ++i)
    CHECK(inputs[i].defined() && inputs[i].dtype() == Dtype::f64 && inputs[i].device().is_cpu(),
          "gradcheck: input {} must be an f64 tensor on the cpu", i);
  GradcheckReport report;
  Tensor projection;
  std::vector<std::vector<double>> analytic;
  try {
    analytic = analytic_gradients(function, inputs, seed, device, projection, report);
  } catch (const tensor::NoKernel&) {
    throw;
  } catch (const tensor::Error& error) {  // a wrong shape, a missing gradient: a verdict on the op, not on the caller
    report.worst_error = std::numeric_limits<double>::infinity();
    report.worst_where = error.what();
    return report;
  }

  const NoGrad no_grad;
  const std::vector<double> p = projection.to_vector();
  if (trace != nullptr) trace->projection = projection;
  std::vector<Variable> variables = leaves(inputs, device);
  for (size_t input = 0; input < inputs.size(); ++input) {
    Tensor moved = inputs[input].clone();
    double* x = moved.data<double>();
    const auto results = [&] {
      variables[input].mutable_value() = moved.to(device);
      return function(variables).value().to_vector();
    };
    for (int64_t element = 0; element < inputs[input].numel(); ++element, ++report.elements) {
      const double before = x[element], h = 1e-5 * std::max(1.0, std::abs(before));
      const double right = before + h, left = before - h;
      x[element] = right;
      const std::vector<double> y_right = results();
      x[element] = left;
      const std::vector<double> y_left = results();
      x[element] = before;
      CHECK(y_right.size() == p.size() && y_left.size() == p.size(), "gradcheck: the function's result changes its size");
      // Differences first, the sum after: the large equal parts of the two results cancel element by element.
      double numeric = 0;
      for (size_t i = 0; i < p.size(); ++i) numeric += p[i] * (y_right[i] - y_left[i]);
      numeric /= right - left;
      const double by_backward = analytic[input][element];
      const double error = compare(report, "numeric", input, element, by_backward, numeric);
      if (trace != nullptr) trace->elements.push_back({input, element, left, right, y_left, y_right, by_backward, numeric, error});
    }
    variables[input].mutable_value() = moved.to(device);
  }
  report.passed = report.elements > 0 && report.worst_error <= tolerance;
  return report;
}

Derivation parse_derivation(const std::string& op, const std::string& text) {
  Derivation derivation{op, "", {}};
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t name_end = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz", 1);
    const bool is_gradient = line[0] == 'd' && name_end > 1 && line.find("= ") != std::string::npos;
    if (is_gradient)
      derivation.inputs.push_back({line.substr(1, name_end - 1), line});
    else if (derivation.inputs.empty())
      derivation.forward += (derivation.forward.empty() ? "" : "\n") + line;
    else
      derivation.inputs.back().gradient += "\n" + line;
  }
  return derivation;
}

Tensor random_input(Shape shape, uint64_t seed, double low, double high, double gap) {
  Tensor x(shape, Dtype::f64);
  double* out = x.data<double>();
  for (int64_t i = 0; i < x.numel(); ++i) {
    const auto words = tensor::philox(seed, tensor::Stream::test, static_cast<uint64_t>(i));
    out[i] = std::round((low + (high - low) * tensor::uniform(words[0], words[1])) * 1e4) / 1e4;
    if (std::abs(out[i]) < gap) out[i] += std::copysign(gap, out[i]);
  }
  return x;
}

}  // namespace autograd
