// mode gradcheck --explain OP: the formulas of the op, one small case, and the gradient check of that case step by step.

#include <algorithm>
#include <cmath>

#include "autograd/gradcheck.h"
#include "mode/gradchecks.h"
#include "nn/text.h"
#include "tensor/math.h"
#include "tools/commands/commands.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

using autograd::Derivation;
using autograd::GradcheckCase;
using autograd::GradcheckElement;
using tensor::Tensor;

constexpr size_t max_lines = 48;  // of a table; a longer one is sampled

/// "[0,2,1]": the index of an element.
std::string index_of(int64_t element, const tensor::Shape& shape) {
  std::string text;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    text = std::to_string(element % shape[axis]) + (text.empty() ? "" : ",") + text;
    element /= shape[axis];
  }
  return "[" + text + "]";
}

/// One line per row of the last axis longer than 1. Numbers are printed so that they read back as the same double.
void print_tensor(const std::string& name, const Tensor& tensor) {
  fmt::print("{} {}\n", name, tensor.shape().to_string());
  const std::vector<double> values = tensor.to_vector();
  int64_t columns = 1;
  for (int axis = tensor.rank() - 1; axis >= 0 && columns == 1; --axis) columns = std::max<int64_t>(1, tensor.shape()[axis]);
  for (size_t i = 0; i < values.size(); ++i) fmt::print("{:>9}{}", values[i], (i + 1) % static_cast<size_t>(columns) == 0 ? "\n" : " ");
}

void print_lines(const std::string& title, const std::string& text) {
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    fmt::print("{:<10} {}\n", begin == 0 ? title : "", text.substr(begin, end - begin));
    begin = end + 1;
  }
}

int64_t derivatives(const GradcheckCase& c) {
  int64_t count = 0;
  for (const Tensor& input : c.inputs) count += input.numel();
  return count;
}

/// The first case whose name contains `part`; for an empty `part` the smallest case with at least 6 derivatives.
const GradcheckCase& choose(const std::vector<GradcheckCase>& cases, const Derivation& op, const std::string& part) {
  constexpr int64_t enough = 6;
  const GradcheckCase* chosen = nullptr;
  std::string names;
  for (const GradcheckCase& c : cases) {
    if (c.op != op.op) continue;
    names += (names.empty() ? "" : "; ") + c.name;
    if (!part.empty()) {
      if (chosen == nullptr && c.name.find(part) != std::string::npos) chosen = &c;
    } else if (chosen == nullptr ||
               (derivatives(c) >= enough && (derivatives(chosen[0]) < enough || derivatives(c) < derivatives(*chosen)))) {
      chosen = &c;
    }
  }
  if (chosen == nullptr) throw UsageError(fmt::format("--case {}: {} has no such case; its cases: {}", part, op.op, names));
  return *chosen;
}

void print_element(const GradcheckElement& e, const Derivation& op, const GradcheckCase& c) {
  fmt::print("{:<24} {:>22.15g} {:>22.15g} {:>10.1e}\n", op.inputs[e.input].name + " " + index_of(e.element, c.inputs[e.input].shape()),
             e.analytic, e.numeric, e.error);
}

/// All elements; of more than max_lines, the one with the largest error and every n-th.
void print_elements(const std::vector<GradcheckElement>& elements, const Derivation& op, const GradcheckCase& c) {
  fmt::print("\n{:<24} {:>22} {:>22} {:>10}\n", "dL / d", "by backward", "numeric", "error");
  if (elements.size() <= max_lines) {
    for (const GradcheckElement& e : elements) print_element(e, op, c);
    return;
  }
  const auto worst = std::max_element(elements.begin(), elements.end(), [](const auto& a, const auto& b) { return a.error < b.error; });
  print_element(*worst, op, c);
  const size_t step = tensor::ceil_div(elements.size(), max_lines / 2);
  fmt::print("the largest error above; one element in {} of {}:\n", step, elements.size());
  for (size_t i = 0; i < elements.size(); i += step) print_element(elements[i], op, c);
}

/// The computation of one numeric derivative, in full.
void print_by_hand(const GradcheckElement& e, const Derivation& op, const GradcheckCase& c, const Tensor& projection) {
  const std::string name = op.inputs[e.input].name + index_of(e.element, c.inputs[e.input].shape());
  const double x = c.inputs[e.input].to_vector()[e.element];
  const std::vector<double> p = projection.to_vector();
  fmt::print("\nby hand    {} = {}, h = 1e-5 max(1, |{}|) = {:.6g}: the op at {:.15g} and at {:.15g}\n", name, x, name, e.right - x,
             e.right, e.left);
  fmt::print("{:<16} {:>9} {:>20} {:>20} {:>20}\n", "y", "p", "y+ = y at " + op.inputs[e.input].name + " + h",
             "y- = y at " + op.inputs[e.input].name + " - h", "p (y+ - y-) / 2h");
  double loss_right = 0, loss_left = 0;
  size_t changed = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    loss_right += p[i] * e.y_right[i];
    loss_left += p[i] * e.y_left[i];
    if (e.y_right[i] == e.y_left[i] || ++changed > max_lines) continue;
    fmt::print("{:<16} {:>9} {:>20.15g} {:>20.15g} {:>20.12g}\n", index_of(static_cast<int64_t>(i), projection.shape()), p[i], e.y_right[i],
               e.y_left[i], p[i] * (e.y_right[i] - e.y_left[i]) / (e.right - e.left));
  }
  fmt::print("{} of {} elements of y change{}\n", changed, p.size(), changed > max_lines ? fmt::format("; {} are shown", max_lines) : "");
  fmt::print("L+ = {:.15g}\nL- = {:.15g}\n", loss_right, loss_left);
  fmt::print("numeric    {:.15g}, the sum of the last column = (L+ - L-) / 2h\nbackward   {:.15g}\n", e.numeric, e.analytic);
  fmt::print("error      |backward - numeric| / max(1, |backward|, |numeric|) = {:.1e}\n", e.error);
}

}  // namespace

int run_gradcheck_explain(const GradcheckOptions& options) {
  if (!options.op.empty() && options.op != options.explain) throw UsageError("--explain OP and --op name different ops; omit --op");
  const tensor::Device device = device_of(options.device);
  const std::vector<Derivation> ops = op_derivations();
  const auto op = std::find_if(ops.begin(), ops.end(), [&](const Derivation& known) { return known.op == options.explain; });
  if (op == ops.end()) {
    std::vector<std::string> names;
    for (const Derivation& known : ops) names.push_back(known.op);
    std::sort(names.begin(), names.end());
    throw UsageError(fmt::format("--explain {}: unknown; known: {}", options.explain, nn::joined(names, " ")));
  }
  const std::vector<GradcheckCase> cases = gradcheck_cases();
  const GradcheckCase& c = choose(cases, *op, options.case_name);
  const auto of_op = std::count_if(cases.begin(), cases.end(), [&](const GradcheckCase& other) { return other.op == op->op; });

  fmt::print("{}, case {} (one of {}; choose another with --case)\n\n", op->op, c.name, of_op);
  print_lines("forward", op->forward);
  for (size_t i = 0; i < std::max<size_t>(c.inputs.size(), 1) && i < op->inputs.size(); ++i)
    print_lines(i == 0 ? "backward" : "", op->inputs[i].gradient);
  fmt::print("{:<10} L = sum over all elements of p y, so that dy = p; p is random, because a plain sum hides errors that cancel\n\n",
             "loss");

  autograd::GradcheckTrace trace;
  const autograd::GradcheckReport report = autograd::gradcheck(c.function, c.inputs, c.tolerance, 1, device, &trace);
  CHECK(trace.projection.defined(), "{}: the check failed before a derivative was compared: {}", op->op, report.worst_where);
  for (size_t i = 0; i < c.inputs.size(); ++i) print_tensor(op->inputs.at(i).name, c.inputs[i]);
  for (const auto& [name, value] : c.constants) print_tensor(name, value);
  print_tensor("p", trace.projection);

  print_elements(trace.elements, *op, c);
  // The largest derivative of the first input has the most significant digits.
  const GradcheckElement* largest = nullptr;
  for (const GradcheckElement& e : trace.elements)
    if (largest == nullptr || (e.input == largest->input && std::abs(e.analytic) > std::abs(largest->analytic))) largest = &e;
  if (largest != nullptr) print_by_hand(*largest, *op, c, trace.projection);
  fmt::print("\n{} partial derivatives, worst error {:.2e}, tolerance {:.0e}: {}\n", report.elements, report.worst_error, c.tolerance,
             report.passed ? "ok" : "FAILED");
  if (!report.passed) fmt::print("{}\n", report.worst_where);
  return report.passed ? 0 : 1;
}

}  // namespace mode::tools
