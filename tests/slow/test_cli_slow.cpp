// The binary on real images, and the demo: minutes, not seconds.

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/command.h"

namespace {

using command::Result;
using command::run;

TEST(CommandLine, RealImagesThroughForeignWeights) {
  const char* root = std::getenv("MODE_DATA");
  if (root == nullptr) GTEST_SKIP() << "MODE_DATA names no folder of real images";
  const std::string images = root, weights = images + "/resnet20_cifar10.safetensors";
  if (!std::filesystem::exists(weights)) GTEST_SKIP() << weights << " is missing";
  const Result result = run({"eval", "--model", weights, "--arch", "resnet20", "--mean", ".485", ".456", ".406", "--std", ".229", ".224",
                             ".225", "--id-test", "cifar10:" + images + "/cifar-10-batches-bin?split=test"});
  ASSERT_EQ(result.status, 0) << result.err;
  const bool right = result.out.find("(9,173 of 10,000") != std::string::npos || result.out.find("(9,172 of 10,000") != std::string::npos ||
                     result.out.find("(9,174 of 10,000") != std::string::npos;
  EXPECT_TRUE(right) << result.out;
}

TEST(CommandLine, DemoTwice) {
  const TemporaryDirectory directory;
  const std::vector<std::string> arguments = {"demo", "--epochs", "1", "--seed", "3", "--threads", "2", "--out", directory / "demo"};
  const Result result = run(arguments);
  ASSERT_EQ(result.status, 0) << result.err;

  const auto json = nlohmann::json::parse(read_bytes(directory / "demo/report/results.json"));
  const auto expect_metrics = [](const nlohmann::json& metrics, const std::string& what) {
    const auto in_range = [&](const nlohmann::json& of, const char* key) {
      ASSERT_TRUE(of.contains(key) && of[key].is_number()) << what << " " << key << ": " << metrics;
      EXPECT_TRUE(of[key] >= 0.0 && of[key] <= 1.0) << what << " " << key << ": " << of[key];
    };
    for (const char* key : {"fpr95", "auroc", "auin", "auout", "dterr"}) in_range(metrics, key);
    ASSERT_TRUE(metrics.contains("openood")) << what;
    for (const char* key : {"fpr95", "aupr_in", "aupr_out"}) in_range(metrics["openood"], key);
  };
  EXPECT_EQ(json["results"].size(), 5u);
  EXPECT_EQ(json["mean"].size(), 5u);
  for (const std::string method : {"msp", "maxlogit", "energy", "knn", "csd"}) {
    ASSERT_TRUE(json["results"].contains(method) && json["mean"].contains(method)) << method;
    EXPECT_EQ(json["results"][method].size(), 5u) << method;
    for (const std::string set : {"unseen-shapes", "textures", "scenes", "noise", "strokes"}) {
      ASSERT_TRUE(json["results"][method].contains(set)) << method << " " << set;
      expect_metrics(json["results"][method][set], method + " " + set);
    }
    expect_metrics(json["mean"][method], method + " mean");
    EXPECT_TRUE(json["settings"][method].is_string()) << method;
  }
  EXPECT_TRUE(json["id_accuracy"].is_number());
  EXPECT_EQ(json["seed"], 3);
  EXPECT_FALSE(json["commit"].get<std::string>().empty());
  std::vector<std::string> written = json["arguments"];
  ASSERT_FALSE(written.empty());
  written.erase(written.begin());  // the binary
  EXPECT_EQ(written, arguments);
  EXPECT_EQ(run({"demo", "--epochs", "1", "--out", directory / "demo"}).status, 0) << "a second demo replaces the first";
}

}  // namespace
