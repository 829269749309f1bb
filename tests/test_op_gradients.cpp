// Every case of every differentiable op, on every instruction set of this machine.

#include <gtest/gtest.h>

#include <set>

#include "autograd/gradcheck.h"
#include "tensor/isa.h"

namespace {

using autograd::GradcheckCase;

class OpGradients : public testing::TestWithParam<tensor::Isa> {
 protected:
  void TearDown() override { tensor::set_isa(before_); }
  const tensor::Isa before_ = tensor::isa();
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
  EXPECT_GE(ops.size(), 31u);
  EXPECT_GE(cases, 1);
  EXPECT_GE(elements, 1);
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
