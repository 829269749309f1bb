// Every case of every differentiable op, on every instruction set of this machine and on the CUDA device.

#include <gtest/gtest.h>

#include <set>

#include "autograd/gradcheck.h"
#include "mode/gradchecks.h"
#include "tests/kernel_testing.h"

namespace {

using autograd::GradcheckCase;

class OpGradients : public testing::TestWithParam<tensor::Isa> {
 protected:
  // One thread: the same bits as any other number, and a team costs more than a case's 300 elements.
  void SetUp() override { tensor::set_num_threads(1); }
  const tensor::RestoreSettings restore_;
};

struct Coverage {
  size_t ops;
  int64_t cases, elements;
};

/// Every case on a device. An op without a kernel there throws, and the test fails by its name.
void expect_every_case_passes(const std::vector<GradcheckCase>& all, tensor::Device device, const Coverage& least) {
  int64_t cases = 0, elements = 0;
  std::set<std::string> ops;
  for (const GradcheckCase& c : all) {
    const autograd::GradcheckReport report = autograd::gradcheck(c.function, c.inputs, c.tolerance, 1, device);
    EXPECT_TRUE(report.passed) << c.op << " " << c.name << ": error " << report.worst_error << ", " << report.worst_where;
    EXPECT_LE(report.elements, autograd::gradcheck_elements) << c.op << " " << c.name << ": a case must stay small";
    EXPECT_LE(c.tolerance, 1e-6) << c.op << " " << c.name << ": a wider tolerance needs a reason, here and in the case";
    ops.insert(c.op);
    ++cases;
    elements += report.elements;
  }
  // Recorded: coverage that shrinks must be noticed. Raise them with every new case.
  EXPECT_GE(ops.size(), least.ops);
  EXPECT_GE(cases, least.cases);
  EXPECT_GE(elements, least.elements);
  testing::Test::RecordProperty("cases", static_cast<int>(cases));
  testing::Test::RecordProperty("elements", static_cast<int>(elements));
}

TEST_P(OpGradients, AgreeWithCentralDifferences) {
  tensor::set_isa(GetParam());
  expect_every_case_passes(mode::gradcheck_cases(), {}, {32, 466, 28481});
}

TEST(OpGradientsOnCuda, AgreeWithCentralDifferences) {
  SKIP_WITHOUT_CUDA();
  // ALPA and the contrastive loss have no CUDA kernels yet.
  expect_every_case_passes(autograd::gradcheck_cases(), {tensor::Device::Kind::cuda, 0}, {30, 436, 26441});
}

TEST(OpGradientCases, HaveDistinctNames) {
  std::set<std::string> names;
  for (const GradcheckCase& c : mode::gradcheck_cases()) EXPECT_TRUE(names.insert(c.op + " " + c.name).second) << c.op << " " << c.name;
}

INSTANTIATE_TEST_SUITE_P(Isa, OpGradients, testing::ValuesIn(tensor::available_isas()),
                         [](const auto& info) { return std::string(tensor::name(info.param)); });

}  // namespace
