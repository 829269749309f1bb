// Every case of every differentiable op, on every instruction set of this machine and on the CUDA device.

#include <gtest/gtest.h>

#include <set>

#include "autograd/gradcheck.h"
#include "tests/kernel_testing.h"

namespace {

using autograd::GradcheckCase;

class OpGradients : public testing::TestWithParam<tensor::Isa> {
 protected:
  // One thread: the same bits as any other number, and a team costs more than a case's 300 elements.
  void SetUp() override { tensor::set_num_threads(1); }
  const tensor::RestoreSettings restore_;
};

TEST_P(OpGradients, AgreeWithCentralDifferences) {
  tensor::set_isa(GetParam());
  int64_t cases = 0, elements = 0;
  std::set<std::string> ops;
  for (const GradcheckCase& c : autograd::gradcheck_cases()) {
    const autograd::GradcheckReport report = autograd::gradcheck(c.function, c.inputs, c.tolerance);
    EXPECT_TRUE(report.passed) << c.op << " " << c.name << ": error " << report.worst_error << ", " << report.worst_where;
    EXPECT_LE(report.elements, 300) << c.op << " " << c.name << ": a case must stay small";
    EXPECT_LE(c.tolerance, 1e-6) << c.op << " " << c.name << ": a wider tolerance needs a reason, here and in the case";
    ops.insert(c.op);
    ++cases;
    elements += report.elements;
  }
  // Recorded: coverage that shrinks must be noticed. Raise them with every new case.
  EXPECT_GE(ops.size(), 33u);
  EXPECT_GE(cases, 270);
  EXPECT_GE(elements, 19882);
  RecordProperty("cases", static_cast<int>(cases));
  RecordProperty("elements", static_cast<int>(elements));
}

// Coverage that shrinks is noticed here: an op that has got its kernels is entered, an op that has lost one fails.
TEST(OpGradientsOnCuda, AgreeWithCentralDifferences) {
  SKIP_WITHOUT_CUDA();
  const std::set<std::string> expected = {"add",      "add_scalar", "batch_norm", "batch_norm_inference",
                                          "conv2d",   "divide",     "exp",        "linear",
                                          "log",      "matmul",     "mean",       "multiply",
                                          "relu",     "reshape",    "scale",      "sqrt",
                                          "subtract", "sum"};
  std::set<std::string> ran;
  std::map<std::string, std::string> lacking;
  int64_t cases = 0, elements = 0;
  for (const GradcheckCase& c : autograd::gradcheck_cases()) {
    try {
      const auto report = autograd::gradcheck(c.function, c.inputs, c.tolerance, 1, {tensor::Device::Kind::cuda, 0});
      EXPECT_TRUE(report.passed) << c.op << " " << c.name << ": error " << report.worst_error << ", " << report.worst_where;
      ran.insert(c.op);
      ++cases;
      elements += report.elements;
    } catch (const tensor::NoKernel& missing) {
      lacking[c.op] = missing.op();
    }
  }
  EXPECT_EQ(ran, expected);
  for (const auto& [op, kernel] : lacking)
    fmt::print("not on CUDA: {}{}, {} has no kernel\n", op, ran.count(op) != 0 ? " in some cases" : "", kernel);
  EXPECT_EQ(lacking.count("linear"), 1u) << "its cases with a bias need add_row; once that has a kernel, this line goes";
  for (const std::string& op : ran) EXPECT_TRUE(op == "linear" || lacking.count(op) == 0) << op << " lacks " << lacking[op];
  EXPECT_GE(cases, 171);
  EXPECT_GE(elements, 12985);
  RecordProperty("cases", static_cast<int>(cases));
  RecordProperty("elements", static_cast<int>(elements));
}

TEST(OpGradientCases, HaveDistinctNames) {
  std::set<std::string> names;
  for (const GradcheckCase& c : autograd::gradcheck_cases()) EXPECT_TRUE(names.insert(c.op + " " + c.name).second) << c.op << " " << c.name;
}

INSTANTIATE_TEST_SUITE_P(Isa, OpGradients, testing::ValuesIn(tensor::available_isas()),
                         [](const auto& info) { return std::string(tensor::name(info.param)); });

}  // namespace
