// The worked examples of the READMEs: each number is computed here by the ops and must be in the text.

#include <gtest/gtest.h>

#include <sstream>

#include "autograd/ops.h"
#include "mode/evaluation/metrics.h"
#include "tensor/ops/batch_norm.h"
#include "tensor/ops/conv2d.h"
#include "tests/temporary.h"

namespace {

using autograd::Variable;
using tensor::Shape;
using tensor::Tensor;

std::string readme(const std::string& folder) { return read_bytes(fmt::format("{}/{}/README.md", SOURCE_DIR, folder)); }

/// "x   1  2  3": as the READMEs print a row of numbers.
std::string row(const std::string& name, const Tensor& tensor) {
  std::string line = fmt::format("    {:<7}", name);
  for (const double value : tensor.to_vector()) line += fmt::format("{:>7}", value);
  return line + "\n";
}

void expect_line(const std::string& page, const std::string& line) {
  EXPECT_NE(page.find(line), std::string::npos) << "the README lacks the line\n" << line;
}

Tensor along_a_row(const std::vector<double>& values) { return Tensor::from(values, {1, 1, static_cast<int64_t>(values.size()), 1}); }

double inner(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (size_t i = 0; i < a.to_vector().size(); ++i) sum += a.to_vector()[i] * b.to_vector()[i];
  return sum;
}

TEST(ReadmeNumbers, Conv2dInOneDimension) {
  // A kernel of height 1 on an image of height 1 takes no vertical padding, so the zeros are inserted by hand.
  const std::string page = readme("tensor/ops");
  const Tensor x = along_a_row({1, 2, 3, 4, 5}), padded = along_a_row({0, 1, 2, 3, 4, 5, 0}), w = along_a_row({1, 2, -1});
  const Tensor dy = along_a_row({1, -1, 2});
  const Variable x_leaf(padded, true), w_leaf(w, true);
  const Variable y = autograd::conv2d(x_leaf, w_leaf, {.stride = 2, .padding = 0});
  ASSERT_EQ(y.shape(), (Shape{1, 1, 3, 1}));
  y.backward(dy);
  const std::vector<double> dpadded = x_leaf.grad().to_vector();
  const Tensor dx = along_a_row({dpadded.begin() + 1, dpadded.end() - 1}), dw = w_leaf.grad();
  for (const auto& [name, tensor] :
       {std::pair{"x", x}, std::pair{"w", w}, std::pair{"y", y.value()}, std::pair{"dy", dy}, std::pair{"dw", dw}, std::pair{"dx", dx}})
    expect_line(page, row(name, tensor));

  // dx as a sliding window: zeros between the elements of dy, zeros around, the flipped kernel, stride 1.
  const Tensor spread = along_a_row({0, 1, 0, -1, 0, 2, 0}), flipped = along_a_row({-1, 2, 1});
  expect_line(page, row("spread", spread));
  expect_line(page, row("flipped", flipped));
  EXPECT_EQ(tensor::ops::conv2d(spread, flipped, {.stride = 1, .padding = 0}).to_vector(), dx.to_vector());

  expect_line(page, fmt::format("<dy, y> = {}, <dx, x> = {}, <dw, w> = {}", inner(dy, y.value()), inner(dx, x), inner(dw, w)));
  // The same kernel as a column of three on an image three high, with the op's own padding: its middle row.
  const Tensor tall = Tensor::from<double>({0, 0, 0, 1, 2, -1, 0, 0, 0}, {1, 3, 3, 1});
  EXPECT_EQ(tensor::ops::conv2d(x, tall, {.stride = 2, .padding = 1}).to_vector(), y.value().to_vector());
  EXPECT_EQ(tensor::ops::conv2d_dx(tall, dy, x.shape(), {.stride = 2, .padding = 1}).to_vector(), dx.to_vector());
}

TEST(ReadmeNumbers, BatchNormOfOneChannel) {
  const std::string page = readme("tensor/ops");
  const auto column = [](const std::vector<double>& values) { return Tensor::from(values, {5, 1}); };
  const Tensor x = column({1, 3, 4, 5, 7}), dy = column({2, -1, 0, 1, 3});
  const Variable x_leaf(x, true), gamma(Tensor::from<double>({2}, {1}), true), beta(Tensor::from<double>({1}, {1}), true);
  tensor::ops::BatchNormResult statistics;
  const Variable y = autograd::batch_norm(x_leaf, gamma, beta, {}, {.eps = 0}, &statistics);
  y.backward(dy);
  expect_line(page, fmt::format("mu = {}, v = {}, s = {}", statistics.mean.item(), statistics.var.item(), statistics.rstd.item()));
  const Variable unit(Tensor::from<double>({1}, {1})), zero(Tensor::from<double>({0}, {1}));
  const Tensor xhat = autograd::batch_norm(Variable(x), unit, zero, {}, {.eps = 0}).value();
  for (const auto& [name, tensor] :
       {std::pair{"x", x}, std::pair{"xhat", xhat}, std::pair{"y", y.value()}, std::pair{"dy", dy}, std::pair{"dx", x_leaf.grad()}})
    expect_line(page, row(name, tensor));
  expect_line(page, fmt::format("dbeta = {}, dgamma = {}", beta.grad().item(), gamma.grad().item()));
  double sum = 0;
  for (const double value : x_leaf.grad().to_vector()) sum += value;
  expect_line(page, fmt::format("sum dx = {}, sum dx xhat = {}", sum, inner(x_leaf.grad(), xhat)));
}

TEST(ReadmeNumbers, AutogradsFirstLines) {
  const std::string page = readme("autograd");
  Variable w(Tensor::from<double>({1, 2, 3}, {3}), /*requires_grad=*/true);
  Variable loss = autograd::sum(w * w);
  loss.backward();
  const std::vector<double> g = w.grad().to_vector();
  expect_line(page, "Variable w(Tensor::from<double>({1, 2, 3}, {3}), /*requires_grad=*/true);\n    Variable loss = sum(w * w);");
  expect_line(page, fmt::format("w.grad();        // {{{}, {}, {}}}", g[0], g[1], g[2]));
}

TEST(ReadmeNumbers, MetricsOfTheWorkedExample) {
  const std::string page = readme("mode");
  const mode::Metrics metrics = mode::evaluate_scores({.9, .8, .8, .7, .6, .5, .4, .4, .3, .2}, {.6, .4, .4, .3, .2, .2, .1, .1});
  expect_line(page, "    ID   0.9 0.8 0.8 0.7 0.6 0.5 0.4 0.4 0.3 0.2\n    OOD  0.6 0.4 0.4 0.3 0.2 0.2 0.1 0.1\n");
  expect_line(page, fmt::format("paper    FPR95 {:.5f}  AUROC {:.5f}  AUIN {:.5f}  AUOUT {:.5f}  DTERR {:.5f}", metrics.paper.fpr95,
                                metrics.paper.auroc, metrics.paper.auin, metrics.paper.auout, metrics.paper.dterr));
  expect_line(page, fmt::format("openood  FPR95 {:.5f}  AUPR_IN {:.5f}  AUPR_OUT {:.5f}", metrics.openood.fpr95, metrics.openood.aupr_in,
                                metrics.openood.aupr_out));
}

/// The README shows the text of the program, indented.
TEST(ReadmeNumbers, OwnOpIsTheTestedProgram) {
  const std::string page = readme("autograd"), source = read_bytes(SOURCE_DIR "/tests/example_own_op.cpp");
  std::istringstream lines(source.substr(source.find("Variable silu")));
  std::string line, shown;
  int count = 0;
  while (std::getline(lines, line)) {
    shown += (line.empty() ? "" : "    ") + line + "\n";
    count += line.empty() ? 0 : 1;
  }
  expect_line(page, shown);
  EXPECT_LE(count, 20) << "op and check in 20 lines";
  expect_line(page, "(../tests/example_own_op.cpp)");
}

}  // namespace
