// The binary on real pictures, and the demo: minutes, not seconds.

#include <cstdlib>

#include "tests/command.h"

namespace {

using command::Result;
using command::run;

TEST(CommandLine, RealPicturesThroughForeignWeights) {
  const char* root = std::getenv("MODE_DATA");
  if (root == nullptr) GTEST_SKIP() << "MODE_DATA names no folder of real pictures";
  const std::string pictures = root, weights = pictures + "/resnet20_cifar10.safetensors";
  if (!std::filesystem::exists(weights)) GTEST_SKIP() << weights << " is missing";
  const Result result = run({"eval", "--model", weights, "--arch", "resnet20", "--mean", ".485", ".456", ".406", "--std", ".229", ".224",
                             ".225", "--id-test", "cifar10:" + pictures + "/cifar-10-batches-bin?split=test"});
  ASSERT_EQ(result.status, 0) << result.err;
  const bool right = result.out.find("(9,173 of 10,000") != std::string::npos || result.out.find("(9,172 of 10,000") != std::string::npos ||
                     result.out.find("(9,174 of 10,000") != std::string::npos;
  EXPECT_TRUE(right) << result.out;
}

TEST(CommandLine, DemoTwice) {
  const TemporaryDirectory directory;
  const Result result = run({"demo", "--epochs", "1", "--out", directory / "demo"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(std::filesystem::exists(directory / "demo/report/results.json"));
  EXPECT_EQ(run({"demo", "--epochs", "1", "--out", directory / "demo"}).status, 0) << "a second demo replaces the first";
}

}  // namespace
