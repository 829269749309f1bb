// The binary with unusable input: exit statuses, messages of one line, no lost files and no leftover files.

#include <sys/stat.h>

#include <cstdlib>

#include "nn/safetensors.h"
#include "tests/command.h"
#include "tests/command_training.h"
#include "tests/image_files.h"

namespace {

using command::expect_one_line;
using command::Result;
using command::run;
using command::test_data;
using command::train_arguments;
using command::train_data;
using command::trained_model;

bool runs_as_root() { return ::geteuid() == 0; }

TEST(Usage, NonsenseIsOneLineAndStatus2) {
  expect_one_line(run({}), 2, "a command is needed");
  expect_one_line(run({"frobnicate"}), 2, "frobnicate");
  expect_one_line(run({"train", "--frobnicate", "--out", "x"}), 2, "--frobnicate");
  expect_one_line(run({"train", "--data", "synthetic:shapes"}), 2, "--out");
  expect_one_line(run({"train", "--out", "x"}), 2, "--data");
  expect_one_line(run({"train", "--data", "synthetic:shapes", "--out", "x", "--epochs", "none"}), 2, "--epochs");
  expect_one_line(run({"train", "--data", "synthetic:shapes", "--out", "x", "--epochs", "0"}), 2, "--epochs");
  expect_one_line(run({"train", "--data", "synthetic:shapes", "--out", "x", "--lr", "-1"}), 2, "--lr");
  expect_one_line(run({"train", "--data", "synthetic:shapes", "--out", "x", "--mean", "0.5"}), 2, "--mean");
  expect_one_line(run({"train", "--data", "synthetic:shapes", "--out", "x", "--shortcut", "b"}), 2, "--shortcut");
  expect_one_line(run({"train", "--data", "synthetic:shapes", "--out", "x", "--stem", "b"}), 2, "--stem");
  expect_one_line(run({"eval", "--model", "x"}), 2, "--id");
  expect_one_line(run({"eval", "--model", "x", "--id", "synthetic:shapes", "--methods", "guess"}), 2, "guess");
  expect_one_line(run({"eval", "--model", "x", "--id", "synthetic:shapes", "--ood", "synthetic:noise"}), 2, "NAME=SPEC");
  expect_one_line(run({"eval", "--model", "x", "--id", "synthetic:shapes", "--ood", "../up=synthetic:noise"}), 1, "../up");
  expect_one_line(run({"eval", "--model", "x", "--id-test", "synthetic:shapes", "--ood", "a=synthetic:noise"}), 2, "--ood needs --id");
  EXPECT_FALSE(std::filesystem::exists("x")) << "a refused command line must leave no files";
}

TEST(Usage, NumbersAreFinite) {
  const auto refused = [](const std::string& option, const std::string& value, const std::string& part) {
    const Result result = run({"train", "--data", "synthetic:shapes", "--out", "x", option, value});
    expect_one_line(result, 2, option);
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
    EXPECT_LT(result.err.size(), 150u) << result.err;
  };
  for (const std::string value : {"inf", "nan", "0", "-1", "1e999", "0.1x", "fast"}) refused("--lr", value, "expected a finite number > 0");
  for (const std::string value : {"inf", "nan", "-1e-9"}) refused("--weight-decay", value, "expected a finite number >= 0");
  for (const std::string value : {"inf", "nan", "-0.1", "1.5"}) refused("--momentum", value, "expected a finite number in 0 .. 1");
  expect_one_line(run({"train", "--data", "synthetic:shapes", "--out", "x", "--mean", ".5", "nan", ".5"}), 2, "--mean");
  expect_one_line(run({"train", "--data", "synthetic:shapes", "--out", "x", "--std", ".5", "0", ".5"}), 2, "--std");
  EXPECT_FALSE(std::filesystem::exists("x"));
}

TEST(Failure, MissingAndDamagedInput) {
  const TemporaryDirectory directory;
  expect_one_line(run(train_arguments(directory / "a", {"--arch", "resnet9"})), 2, "--arch");  // given twice
  expect_one_line(run({"train", "--data", "synthetic:shapes?limit=8", "--arch", "resnet9", "--out", directory / "a"}), 1, "resnet9");
  expect_one_line(run({"train", "--data", "cifar10:" + (directory / "absent"), "--out", directory / "a"}), 1, "absent");
  expect_one_line(run({"train", "--data", "images", "--out", directory / "a"}), 1, "images");
  expect_one_line(run({"train", "--data", "synthetic:noise?limit=8", "--out", directory / "a"}), 1, "synthetic:noise");
  EXPECT_FALSE(std::filesystem::exists(directory / "a"));

  expect_one_line(run({"eval", "--model", directory / "absent", "--id", test_data}), 1, "absent");
  write_bytes(directory / "garbage", "This is no network at all, but a long enough line of text.");
  expect_one_line(run({"eval", "--model", directory / "garbage", "--id", test_data}), 1, "garbage");
  const std::string whole = read_bytes(trained_model());
  write_bytes(directory / "half", whole.substr(0, whole.size() / 2));
  expect_one_line(run({"features", "--model", directory / "half", "--data", test_data, "--out", directory / "f"}), 1, "half");
  EXPECT_FALSE(std::filesystem::exists(directory / "f"));
  // A misspelled set is noticed before any other is read, and no report is begun.
  expect_one_line(
      run({"eval", "--model", trained_model(), "--id", test_data, "--ood", "a=synthetic:absent", "--out", directory / "report"}), 1,
      "absent");
  EXPECT_FALSE(std::filesystem::exists(directory / "report/results.json"));
  expect_one_line(run({"info", "--model", directory / "garbage"}), 1, "garbage");
  expect_one_line(run({"info", "--data", "folder:" + (directory / "absent")}), 1, "absent");
  expect_one_line(run({"info", "--arch", "vgg"}), 1, "vgg");
}

TEST(Failure, OutputNotWritable) {
  const TemporaryDirectory directory;
  write_bytes(directory / "file", "");
  expect_one_line(run(train_arguments(directory / "file")), 1, directory / "file");
  expect_one_line(run(train_arguments(directory / "file/below")), 1, directory / "file/below");
  expect_one_line(run(train_arguments("/proc/mode-test")), 1, "/proc/mode-test");
  expect_one_line(run({"features", "--model", trained_model(), "--data", test_data, "--out", directory / "absent/f.safetensors"}), 1,
                  "does not exist");
  expect_one_line(run({"features", "--model", trained_model(), "--data", test_data, "--out", directory / "."}), 1, "is a directory");
  expect_one_line(
      run({"eval", "--model", trained_model(), "--id", test_data, "--ood", "noise=synthetic:noise?limit=8", "--out", directory / "file"}),
      1, directory / "file");
}

TEST(Failure, OutputThatNobodyCanRead) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "/dev/full is missing";
  const TemporaryDirectory directory;
  for (const std::string arguments : {"info", "--help", "info --arch resnet56"}) {
    const std::string line = std::string("'") + MODE_BINARY + "' " + arguments + " > /dev/full 2> '" + (directory / "err") + "'";
    const int status = std::system(line.c_str());
    expect_one_line({WEXITSTATUS(status), "", read_bytes(directory / "err")}, 1, "No space left on device");
  }
}

/// A folder of two classes with three small images each.
void write_images(const std::string& folder) {
  for (const std::string name : {"dark", "light"}) {
    std::filesystem::create_directories(folder + "/" + name);
    for (int image = 0; image < 3; ++image) {
      files::Bytes pixels(8 * 8 * 3, static_cast<uint8_t>(name == "dark" ? 10 + image : 240 - image));
      pixels[image] = 128;
      const files::Bytes png = files::rgb_png(8, 8, pixels);
      write_bytes(folder + "/" + name + "/" + std::to_string(image) + ".png", {png.begin(), png.end()});
    }
  }
}

TEST(Failure, DamagedImages) {
  const TemporaryDirectory directory;
  const std::string folder = directory / "images", victim = folder + "/light/1.png";
  write_images(folder);
  const auto train = [&](const std::string& out) {
    return run({"train", "--data", "folder:" + folder, "--arch", "resnet8", "--epochs", "1", "--batch", "3", "--out", directory / out});
  };
  ASSERT_EQ(train("whole").status, 0);
  const std::string whole = read_bytes(victim);
  const std::string garbage = "This is no image, despite its name.";
  int run_number = 0;
  for (const std::string& bytes : {whole.substr(0, whole.size() / 2), garbage, std::string()}) {
    write_bytes(victim, bytes);
    expect_one_line(train("run" + std::to_string(++run_number)), 1, "light/1.png");
    expect_one_line(run({"eval", "--model", directory / "whole/model.safetensors", "--id-test", "folder:" + folder}), 1, "light/1.png");
    expect_one_line(run({"eval", "--model", trained_model(), "--id", train_data, "--id-test", test_data, "--ood", "own=folder:" + folder,
                         "--methods", "msp", "--out", directory / "report"}),
                    1, "light/1.png");
    EXPECT_FALSE(std::filesystem::exists(directory / "report/results.json"));
  }
}

TEST(Failure, DirectoryWithoutPermission) {
  if (runs_as_root()) GTEST_SKIP() << "root writes everywhere: a directory without write permission is not tested";
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "locked");
  ::chmod((directory / "locked").c_str(), 0500);
  expect_one_line(run(train_arguments(directory / "locked")), 1, "cannot write");
}

TEST(Train, DamagedStateIsNotResumed) {
  const TemporaryDirectory directory;
  const std::string state = directory / "run/state.safetensors";
  ASSERT_EQ(run(train_arguments(directory / "run", {"--epochs", "1"})).status, 2) << "--epochs twice";
  ASSERT_EQ(run(train_arguments(directory / "run")).status, 0);
  const std::string whole = read_bytes(state), model = read_bytes(directory / "run/model.safetensors");
  std::string flipped = whole;
  flipped[flipped.size() - 100] = static_cast<char>(flipped[flipped.size() - 100] ^ 0x40);
  for (const std::string& bytes : {whole.substr(0, whole.size() / 2), flipped, std::string("no state"), std::string()}) {
    write_bytes(state, bytes);
    expect_one_line(run({"train", "--resume", "--out", directory / "run"}), 1, "state.safetensors");
    EXPECT_EQ(read_bytes(state), bytes);
    EXPECT_EQ(read_bytes(directory / "run/model.safetensors"), model);
  }
}

TEST(Train, NonFiniteLossStopsAndKeepsTheEarlierState) {
  const TemporaryDirectory directory;
  const Result result = run(train_arguments(directory / "run", {"--lr", "1e30"}));
  expect_one_line(result, 1, "--lr");
  EXPECT_FALSE(std::filesystem::exists(directory / "run/model.safetensors")) << "nothing worth exporting was reached";
  const nn::TensorFile state = nn::read_safetensors(directory / "run/state.safetensors");
  EXPECT_EQ(state.metadata.at("step"), "0");
  // Nothing was lost, so the place may be used again.
  EXPECT_EQ(run(train_arguments(directory / "run")).status, 0);
}

TEST(Eval, RefusalsLeaveNoReport) {
  const TemporaryDirectory directory;
  const std::string report = directory / "report";
  const auto refused = [&](const std::string& model, const std::string& id, const std::vector<std::string>& more, const std::string& part) {
    std::vector<std::string> arguments = {
        "eval", "--model", model, "--id", id, "--id-test", test_data, "--ood", "noise=synthetic:noise?limit=8", "--out", report};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Result result = run(arguments);
    expect_one_line(result, 1, part);
    EXPECT_EQ(result.out.find("images in"), std::string::npos) << "features were extracted first: " << result.out;
    EXPECT_FALSE(std::filesystem::exists(report)) << part;
  };
  refused(directory / "absent", train_data, {}, "absent");
  // 96 images: 96 global vectors, 6 times as many of all scales.
  refused(trained_model(), train_data, {"--knn-k", "97"}, "knn: K = 97, but the bank has only 96 rows");
  refused(trained_model(), train_data, {"--csd-k", "577"}, "csd: K = 577, but the bank has only 576 rows");
  write_images(directory / "images");
  refused(trained_model(), "folder:" + (directory / "images"), {}, "that the network was trained on");
}

TEST(Demo, ReplacesOnlyAnotherDemo) {
  const TemporaryDirectory directory;
  const std::string model = read_bytes(trained_model());
  std::filesystem::copy(std::filesystem::path(trained_model()).parent_path(), directory / "run");
  const std::string state = read_bytes(directory / "run/state.safetensors");
  expect_one_line(run({"demo", "--epochs", "1", "--out", directory / "run"}), 1, "no demo made");
  EXPECT_EQ(read_bytes(directory / "run/state.safetensors"), state);
  EXPECT_EQ(read_bytes(directory / "run/model.safetensors"), model);
  std::filesystem::remove(directory / "run/state.safetensors");  // weights of somewhere else
  expect_one_line(run({"demo", "--epochs", "1", "--out", directory / "run"}), 1, "no demo made");
  EXPECT_EQ(read_bytes(directory / "run/model.safetensors"), model);

  // A demo's run stays as well where the next one cannot begin.
  nn::TensorFile of_demo = nn::read_safetensors(std::filesystem::path(trained_model()).replace_filename("state.safetensors"));
  of_demo.metadata["made_by"] = "demo";
  of_demo.metadata.erase("content_hash");
  nn::write_safetensors(directory / "run/state.safetensors", of_demo);
  expect_one_line(run({"demo", "--arch", "resnet9", "--out", directory / "run"}), 1, "resnet9");
  expect_one_line(run({"demo", "--epochs", "0", "--out", directory / "run"}), 2, "--epochs");
  EXPECT_EQ(read_bytes(directory / "run/model.safetensors"), model);

  write_bytes(directory / "file", "");
  expect_one_line(run({"demo", "--epochs", "1", "--out", directory / "file/below"}), 1, directory / "file/below");
  expect_one_line(run({"demo", "--epochs", "1", "--out", "/proc/mode-test"}), 1, "/proc/mode-test");
}

}  // namespace
