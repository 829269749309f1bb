#include "tools/commands/commands.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>

#include "autograd/gradcheck.h"
#include "mode/gradchecks.h"
#include "nn/text.h"
#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

struct Totals {
  int64_t checks = 0, elements = 0, failed = 0;
  double worst_error = 0;
  std::set<std::string> ops;
  std::map<std::string, std::string> skipped;  // op -> the missing kernel of the op or of one of its cases
};

void print_line(const autograd::GradcheckCase& c, const std::string& path, const autograd::GradcheckReport& report) {
  fmt::print("{:<21} {:<44} {:<16} {:>8} {:>12.2e}  {}\n", c.op, c.name, path, report.elements, report.worst_error,
             report.passed ? "ok" : "FAILED");
  if (!report.passed) fmt::print("    tolerance {:.0e}; {}\n", c.tolerance, report.worst_where);
}

/// Checks one case on one path and prints its line.
void check(const autograd::GradcheckCase& c, const std::string& path, tensor::Device device, Totals& totals) {
  try {
    const autograd::GradcheckReport report = autograd::gradcheck(c.function, c.inputs, c.tolerance, 1, device);
    print_line(c, path, report);
    ++totals.checks;
    totals.ops.insert(c.op);
    totals.elements += report.elements;
    totals.failed += report.passed ? 0 : 1;
    totals.worst_error = std::max(totals.worst_error, report.worst_error);
  } catch (const tensor::NoKernel& missing) {
    totals.skipped[c.op] = missing.op();
  }
}

}  // namespace

int run_gradcheck(const GradcheckOptions& options) {
  if (!options.explain.empty()) return run_gradcheck_explain(options);
  if (!options.case_name.empty()) throw UsageError("--case NAME needs --explain OP");
  const tensor::Device device = device_of(options.device);
  const std::vector<autograd::GradcheckCase> cases = gradcheck_cases();
  std::set<std::string> known;
  for (const auto& c : cases) known.insert(c.op);
  if (!options.op.empty() && known.count(options.op) == 0) {
    throw UsageError(fmt::format("--op {}: unknown; known: {}", options.op, nn::joined(known, " ")));
  }

  const tensor::Isa isa_before = tensor::isa();
  const int threads_before = tensor::num_threads();
  tensor::set_num_threads(1);  // the result is the same; starting threads costs more than the 300 elements of a case
  const auto start = std::chrono::steady_clock::now();
  Totals totals;
  fmt::print("{:<21} {:<44} {:<16} {:>8} {:>12}  {}\n", "op", "case", "path", "elements", "worst error", "verdict");
  for (const auto& c : cases) {
    if (!options.op.empty() && c.op != options.op) continue;
    if (!device.is_cpu()) {
      check(c, device.index == 0 ? "cuda/f64" : device.to_string() + "/f64", device, totals);
      continue;
    }
    for (const tensor::Isa isa : tensor::available_isas()) {
      tensor::set_isa(isa);
      check(c, fmt::format("cpu/{}/f64", tensor::name(isa)), device, totals);
    }
  }
  tensor::set_isa(isa_before);
  tensor::set_num_threads(threads_before);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{} ops, {} checks, {} partial derivatives in {:.1f} s: worst error {:.2e}, {} failed\n", totals.ops.size(), totals.checks,
             totals.elements, seconds, totals.worst_error, totals.failed);
  for (const auto& [op, kernel] : totals.skipped)
    fmt::print("skipped: {}{}: {} has no CUDA kernel\n", op, totals.ops.count(op) != 0 ? ", some cases" : "", kernel);
  return totals.failed == 0 && totals.checks > 0 ? 0 : 1;
}

}  // namespace mode::tools
