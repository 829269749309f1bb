// mode gradcheck --explain: every op has its formulas, and what is printed can be redone by hand from what is printed.

#include <cmath>
#include <set>
#include <sstream>

#include "autograd/gradcheck.h"
#include "mode/gradchecks.h"
#include "tests/command.h"

namespace {

using command::expect_one_line;
using command::Result;
using command::run;

/// The numbers of the tensor that is printed under `heading` ("x (7)"), up to a line that begins with a letter.
std::vector<double> numbers_below(const std::string& text, const std::string& heading) {
  std::vector<double> numbers;
  std::istringstream lines(text.substr(text.find("\n" + heading + "\n") + heading.size() + 2));
  std::string line;
  while (std::getline(lines, line) && !line.empty() && line[0] == ' ') {
    std::istringstream words(line);
    for (double number = 0; words >> number;) numbers.push_back(number);
  }
  return numbers;
}

double number_after(const std::string& text, const std::string& label) {
  const size_t at = text.find(label);
  EXPECT_NE(at, std::string::npos) << label << " in\n" << text;
  return at == std::string::npos ? NAN : std::stod(text.substr(at + label.size()));
}

TEST(GradcheckExplain, EveryOpHasFormulas) {
  std::map<std::string, autograd::Derivation> derivations;
  for (const auto& op : mode::op_derivations()) {
    EXPECT_TRUE(derivations.emplace(op.op, op).second) << op.op << " has two derivations";
    EXPECT_EQ(op.forward.compare(0, 1, "y"), 0) << op.op << ": " << op.forward;
    ASSERT_FALSE(op.inputs.empty());
    for (const auto& input : op.inputs)
      EXPECT_NE((" " + input.gradient).find(" d" + input.name), std::string::npos) << op.op << ": " << input.gradient;
  }
  std::set<std::string> checked;
  for (const auto& c : mode::gradcheck_cases()) {
    checked.insert(c.op);
    ASSERT_EQ(derivations.count(c.op), 1u) << c.op << " has no derivation: write it above its function";
    EXPECT_LE(c.inputs.size(), derivations.at(c.op).inputs.size()) << c.op << " " << c.name;
  }
  EXPECT_EQ(checked.size(), derivations.size()) << "a derivation of an op without cases";
}

TEST(GradcheckExplain, TraceIsTheCheckItself) {
  double largest = 0;
  for (const auto& c : mode::gradcheck_cases()) {
    if (c.op != "batch_norm" && c.op != "cross_entropy") continue;
    autograd::GradcheckTrace trace;
    const autograd::GradcheckReport report = autograd::gradcheck(c.function, c.inputs, c.tolerance, 1, {}, &trace);
    ASSERT_EQ(static_cast<int64_t>(trace.elements.size()), report.elements);
    double worst = 0;
    for (const auto& e : trace.elements) {
      double numeric = 0;
      const std::vector<double> p = trace.projection.to_vector();
      for (size_t i = 0; i < p.size(); ++i) numeric += p[i] * (e.y_right[i] - e.y_left[i]);
      EXPECT_EQ(numeric / (e.right - e.left), e.numeric);
      worst = std::max(worst, e.error);
    }
    EXPECT_LE(worst, report.worst_error);
    largest = std::max(largest, worst);
  }
  EXPECT_GT(largest, 0);
}

TEST(GradcheckExplain, CanBeRedoneByHand) {
  const Result result = run({"gradcheck", "--explain", "exp", "--case", "(7)"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("forward    y = e^x\nbackward   dx = dy y\n"), std::string::npos) << result.out;
  const std::vector<double> x = numbers_below(result.out, "x (7)"), p = numbers_below(result.out, "p (7)");
  ASSERT_EQ(x.size(), 7u) << result.out;
  ASSERT_EQ(p.size(), 7u);
  const size_t element = static_cast<size_t>(number_after(result.out, "by hand    x["));
  ASSERT_LT(element, 7u);
  const double h = 1e-5 * std::max(1.0, std::abs(x[element]));
  EXPECT_NEAR(number_after(result.out, "|) = "), h, 1e-10);
  double right = 0, left = 0;
  for (size_t i = 0; i < 7; ++i) {
    right += p[i] * std::exp(x[i] + (i == element ? h : 0));
    left += p[i] * std::exp(x[i] - (i == element ? h : 0));
  }
  EXPECT_NEAR(number_after(result.out, "\nL+ = "), right, 1e-12);
  EXPECT_NEAR(number_after(result.out, "\nL- = "), left, 1e-12);
  EXPECT_NEAR(number_after(result.out, "\nnumeric    "), (right - left) / (2 * h), 1e-9);
  const std::string end = result.out.substr(result.out.find("\nL- = "));
  EXPECT_NEAR(number_after(end, "\nbackward   "), p[element] * std::exp(x[element]), 1e-12);
  // Side by side: element 3's own line.
  EXPECT_NEAR(number_after(result.out, "\nx [3]"), p[3] * std::exp(x[3]), 1e-12);
}

TEST(GradcheckExplain, Conv2dShowsWhatIsAskedFor) {
  const Result result = run({"gradcheck", "--explain", "conv2d"});
  ASSERT_EQ(result.status, 0) << result.err;
  for (const char* part : {"case 1x4x3x1 -> 2, 3x3 stride 1 padding 0 (one of 20", "forward    y[n,oh,ow,o] = sum", "dw[o,kh,kw,c] = sum",
                           "x (1, 4, 3, 1)\n   0.5868    0.9993    -0.825\n", "w (2, 3, 3, 1)", "p (1, 2, 1, 2)", "by backward",
                           "\nx [0,0,0,0] ", "\nw [1,2,2,0] ", "by hand    x[", "L+ = ", "30 partial derivatives", "tolerance 1e-06: ok"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << " in\n" << result.out;
  const Result other = run({"gradcheck", "--explain", "conv2d", "--case", "stride 2 padding 3"});
  EXPECT_EQ(other.status, 0) << other.err;
  EXPECT_NE(other.out.find("case 1x7x7x3 -> 1, 7x7 stride 2 padding 3"), std::string::npos) << other.out;
  EXPECT_NE(other.out.find("the largest error above; one element in "), std::string::npos) << "294 derivatives are not all listed";
  const Result labels = run({"gradcheck", "--explain", "cross_entropy"});
  EXPECT_NE(labels.out.find("\nlabels ("), std::string::npos) << labels.out;
}

TEST(GradcheckExplain, EveryOpRuns) {
  for (const auto& op : mode::op_derivations()) {
    const Result result = run({"gradcheck", "--explain", op.op});
    EXPECT_EQ(result.status, 0) << op.op << ": " << result.err << result.out;
    EXPECT_NE(result.out.find("by hand    "), std::string::npos) << op.op << "\n" << result.out;
  }
}

TEST(GradcheckExplain, UsageErrors) {
  const Result unknown = run({"gradcheck", "--explain", "convolution"});
  expect_one_line(unknown, 2, "--explain convolution: unknown; known: add add_bias add_column");
  EXPECT_NE(unknown.err.find(" conv2d "), std::string::npos);
  expect_one_line(run({"gradcheck", "--explain", "conv2d", "--case", "9x9"}), 2,
                  "--case 9x9: conv2d has no such case; its cases: 1x1x1x1 -> 1");
  expect_one_line(run({"gradcheck", "--case", "x"}), 2, "--case NAME needs --explain OP");
  expect_one_line(run({"gradcheck", "--explain", "relu", "--op", "exp"}), 2, "omit --op");
}

}  // namespace
