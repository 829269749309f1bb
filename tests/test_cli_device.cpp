// --device on every command: invalid names, unusable devices, and the device in the files of a run.

#include "nn/safetensors.h"
#include "tensor/cuda/cuda.h"
#include "tests/command.h"
#include "tests/command_training.h"

namespace {

using command::expect_one_line;
using command::Result;
using command::run;
using command::test_data;
using command::train_arguments;
using command::trained_model;

std::vector<std::vector<std::string>> every_command(const TemporaryDirectory& directory) {
  return {train_arguments(directory / "run"),
          {"eval", "--model", trained_model(), "--id-test", test_data},
          {"features", "--model", trained_model(), "--data", test_data, "--out", directory / "f.safetensors"},
          {"info"},
          {"gradcheck"},
          {"demo", "--out", directory / "demo"}};
}

void expect_refused(std::vector<std::string> arguments, const std::string& device, int status, const std::string& part) {
  SCOPED_TRACE(arguments[0] + " --device " + device);
  arguments.insert(arguments.end(), {"--device", device});
  const Result result = run(arguments);
  expect_one_line(result, status, part);
  EXPECT_EQ(result.out, "");
}

TEST(Device, AWordThatIsNoneIsAUsageErrorOnEveryCommand) {
  const TemporaryDirectory directory;
  for (const std::vector<std::string>& arguments : every_command(directory))
    for (const char* word : {"gpu", "cuda:", "cpu:0", "cuda:-1"})
      expect_refused(arguments, word, 2, fmt::format("--device {}: expected cpu, cuda or cuda:N", word));
  EXPECT_FALSE(std::filesystem::exists(directory / "run"));
  EXPECT_FALSE(std::filesystem::exists(directory / "demo"));
}

TEST(Device, OneThatCannotBeUsedIsAFailureOnEveryCommand) {
  const TemporaryDirectory directory;
  for (const std::vector<std::string>& arguments : every_command(directory))
    expect_refused(arguments, "cuda:77", 1, tensor::cuda::unavailable_because(77));
  EXPECT_FALSE(std::filesystem::exists(directory / "run"));
  EXPECT_FALSE(std::filesystem::exists(directory / "demo"));
}

TEST(Device, VersionAndInfoSayWhichThereAre) {
  const std::string built = "CUDA " + tensor::cuda::build_description(), reason = tensor::cuda::unavailable_because(0);
  const Result version = run({"--version"}), info = run({"info"});
  EXPECT_NE(version.out.find(built), std::string::npos) << version.out;
  EXPECT_NE(info.out.find("\ndevices    " + (reason.empty() ? "cuda:0: " + tensor::cuda::description(0) : reason)), std::string::npos)
      << info.out;
  EXPECT_EQ(run({"info", "--device", "cpu"}).out, info.out);
}

TEST(Device, GradcheckRunsThere) {
  if (const std::string reason = tensor::cuda::unavailable_because(); !reason.empty()) GTEST_SKIP() << reason;
  const Result relu = run({"gradcheck", "--op", "relu", "--device", "cuda"});
  EXPECT_EQ(relu.status, 0) << relu.out << relu.err;
  EXPECT_NE(relu.out.find(" cuda/f64 "), std::string::npos) << relu.out;
  EXPECT_EQ(relu.out.find("skipped"), std::string::npos) << relu.out;
}

TEST(Device, RunsModelsAndFeaturesSayIt) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run(train_arguments(directory / "run", {"--device", "cpu"})).status, 0);
  nn::TensorFile state = nn::read_safetensors(directory / "run/state.safetensors");
  EXPECT_EQ(state.metadata.at("device"), "cpu");
  EXPECT_EQ(state.metadata.at("device_name"), "cpu");
  EXPECT_EQ(nn::read_safetensors(directory / "run/model.safetensors").metadata.at("device"), "cpu");
  ASSERT_EQ(run({"features", "--model", trained_model(), "--data", test_data, "--out", directory / "f.safetensors"}).status, 0);
  EXPECT_EQ(nn::read_safetensors(directory / "f.safetensors").metadata.at("device"), "cpu");

  // A run continues on its device unless the command line names another one; a note then says that the bits may differ.
  const std::vector<std::string> resume = {"train", "--resume", "--out", directory / "run"};
  const std::string note = "note: the run began on ";
  EXPECT_EQ(run(resume).out.find(note), std::string::npos);
  expect_refused(resume, "cuda:77", 1, tensor::cuda::unavailable_because(77));
  state.metadata["device_name"] = "another device, sm_80, 40.0 GiB";
  nn::add_content_hash(state);
  nn::write_safetensors(directory / "run/state.safetensors", state);
  const Result moved = run(resume);
  EXPECT_EQ(moved.status, 0) << moved.err;
  EXPECT_NE(moved.out.find(note + "another device, sm_80, 40.0 GiB, this process runs on cpu; the last bits may differ"), std::string::npos)
      << moved.out;
}

TEST(Device, TrainsAndEvaluatesThere) {
  if (const std::string reason = tensor::cuda::unavailable_because(); !reason.empty()) GTEST_SKIP() << reason;
  const TemporaryDirectory directory;
  const std::string images = "synthetic:shapes?split=train&size=16&limit=16", others = "others=synthetic:noise?size=16&limit=8";
  const auto on = [&](const std::string& device) {
    const std::string out = directory / std::string(device.substr(0, 4));
    const Result trained = run({"train", "--data", images, "--size", "16", "--arch", "resnet8", "--epochs", "1", "--batch", "8", "--device",
                                device, "--out", out});
    EXPECT_EQ(trained.status, 0) << trained.out << trained.err;
    const Result evaluated = run({"eval", "--model", out + "/model.safetensors", "--id", images, "--ood", others, "--methods", "all",
                                  "--knn-k", "5", "--device", device, "--out", out + "/report"});
    EXPECT_EQ(evaluated.status, 0) << evaluated.out << evaluated.err;
    return nn::read_safetensors(out + "/model.safetensors");
  };
  const nn::TensorFile cuda = on("cuda"), cpu = on("cpu");
  EXPECT_EQ(cuda.metadata.at("device"), tensor::cuda::description(0));
  ASSERT_EQ(cuda.tensors.size(), cpu.tensors.size());
  for (const auto& [name, tensor] : cpu.tensors) {
    SCOPED_TRACE(name);
    const std::vector<double> a = cuda.tensors.at(name).to_vector(), b = tensor.to_vector();
    for (size_t i = 0; i < b.size(); ++i) ASSERT_LE(std::abs(a[i] - b[i]), 1e-3 * std::max(1.0, std::abs(b[i]))) << "element " << i;
  }
}

}  // namespace
