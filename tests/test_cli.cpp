// The binary run as a user runs it: exit statuses, one-line messages, and the way from training to a report.

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <thread>

#include "nn/safetensors.h"
#include "tests/command.h"

namespace {

using command::expect_one_line;
using command::Result;
using command::run;
using command::value_after;

const std::string train_data = "synthetic:shapes?split=train&limit=96";
const std::string test_data = "synthetic:shapes?split=test&limit=64";

std::vector<std::string> train_arguments(const std::string& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"train", "--data", train_data, "--arch", "resnet8", "--epochs", "2", "--batch", "32", "--out", out};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// One trained network for the tests that need any.
const std::string& trained_model() {
  static const TemporaryDirectory directory;
  static const std::string path = [] {
    const Result result = run(train_arguments(directory / "run"));
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    return directory / "run/model.safetensors";
  }();
  return path;
}

int lines(const std::string& text) { return static_cast<int>(std::count(text.begin(), text.end(), '\n')); }

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
  EXPECT_FALSE(std::filesystem::exists("x")) << "a refused command line must leave nothing behind";
}

TEST(Usage, HelpAndVersion) {
  const Result help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const std::string name : {"train", "eval", "features", "info", "gradcheck", "demo"}) {
    EXPECT_NE(help.out.find("\n  " + name + " "), std::string::npos) << name;
    const Result of_command = run({name, "--help"});
    EXPECT_EQ(of_command.status, 0) << name;
    EXPECT_NE(of_command.out.find("Example:\n  mode " + name), std::string::npos) << of_command.out;
  }
  const Result version = run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_NE(version.out.find("commit "), std::string::npos) << version.out;
  EXPECT_NE(version.out.find("CUDA"), std::string::npos) << version.out;
  EXPECT_EQ(lines(version.out), 1);
}

TEST(Failure, MissingAndDamagedInput) {
  const TemporaryDirectory directory;
  expect_one_line(run(train_arguments(directory / "a", {"--arch", "resnet9"})), 2, "--arch");  // given twice
  expect_one_line(run({"train", "--data", "synthetic:shapes?limit=8", "--arch", "resnet9", "--out", directory / "a"}), 1, "resnet9");
  expect_one_line(run({"train", "--data", "cifar10:" + (directory / "absent"), "--out", directory / "a"}), 1, "absent");
  expect_one_line(run({"train", "--data", "pictures", "--out", directory / "a"}), 1, "pictures");
  expect_one_line(run({"train", "--data", "synthetic:noise?limit=8", "--out", directory / "a"}), 1, "synthetic:noise");
  EXPECT_FALSE(std::filesystem::exists(directory / "a"));

  expect_one_line(run({"eval", "--model", directory / "absent", "--id", test_data}), 1, "absent");
  write_bytes(directory / "garbage", "This is no network at all, but a long enough line of text.");
  expect_one_line(run({"eval", "--model", directory / "garbage", "--id", test_data}), 1, "garbage");
  const std::string whole = read_bytes(trained_model());
  write_bytes(directory / "half", whole.substr(0, whole.size() / 2));
  expect_one_line(run({"features", "--model", directory / "half", "--data", test_data, "--out", directory / "f"}), 1, "half");
  EXPECT_FALSE(std::filesystem::exists(directory / "f"));
  // A misspelt set is noticed before any other is read, and no report is begun.
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

TEST(Failure, DirectoryWithoutPermission) {
  if (runs_as_root()) GTEST_SKIP() << "root writes everywhere: a directory without write permission is not tested";
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "locked");
  ::chmod((directory / "locked").c_str(), 0500);
  expect_one_line(run(train_arguments(directory / "locked")), 1, "cannot write");
}

TEST(Train, LeavesARunAndRefusesToOverwriteIt) {
  const TemporaryDirectory directory;
  const Result result = run(train_arguments(directory / "run", {"--val", test_data, "--seed", "3", "--warmup-epochs", "1"}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  for (const char* part : {"seed 3", "conv1", "MFLOP", "epoch 1/2: loss ", "epoch 2/2: loss ", "val accuracy"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << " in\n" << result.out;
  EXPECT_EQ(value_after(result.out, "weights").size(), 16u);
  const std::string log = read_bytes(directory / "run/log.csv");
  EXPECT_EQ(log.rfind("epoch,step,lr,loss,train_accuracy,val_accuracy,pictures_per_second,seconds\n1,3,", 0), 0u) << log;
  EXPECT_EQ(lines(log), 3);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory / "run")) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"log.csv", "model.safetensors", "state.safetensors"}));

  const std::string before = read_bytes(directory / "run/state.safetensors");
  expect_one_line(run(train_arguments(directory / "run")), 1, "already holds a run");
  EXPECT_EQ(read_bytes(directory / "run/state.safetensors"), before);
  // Resuming what is finished says the same hash once more.
  const Result again = run({"train", "--resume", "--out", directory / "run"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(value_after(again.out, "weights"), value_after(result.out, "weights"));
  expect_one_line(run({"train", "--resume", "--out", directory / "run", "--lr", "0.2"}), 2, "--lr");
  expect_one_line(run({"train", "--resume", "--out", directory / "absent"}), 1, "nothing to resume");
}

TEST(Train, SameSeedSameWeightsForAnyNumberOfThreads) {
  const TemporaryDirectory directory;
  const Result one = run(train_arguments(directory / "one", {"--threads", "1"}));
  const Result two = run(train_arguments(directory / "two", {"--threads", "2"}));
  const Result other = run(train_arguments(directory / "other", {"--seed", "2"}));
  const Result plain = run(train_arguments(directory / "plain", {"--no-augment"}));
  ASSERT_EQ(one.status, 0) << one.err;
  ASSERT_EQ(value_after(one.out, "weights").size(), 16u);
  EXPECT_EQ(value_after(one.out, "weights"), value_after(two.out, "weights"));
  EXPECT_NE(value_after(one.out, "weights"), value_after(other.out, "weights"));
  EXPECT_NE(value_after(one.out, "weights"), value_after(plain.out, "weights"));
  EXPECT_NE(plain.out.find("no augmentation"), std::string::npos) << plain.out;
}

TEST(Train, InterruptedAndResumedEqualsUninterrupted) {
  const TemporaryDirectory directory;
  const std::vector<std::string> plan = {
      "train",      "--data", "synthetic:shapes?split=train&limit=240", "--arch", "resnet8", "--epochs", "3", "--batch", "8",
      "--nesterov", "--out"};
  const auto with_out = [&](const std::string& out) {
    std::vector<std::string> arguments = plan;
    arguments.push_back(out);
    return arguments;
  };
  const Result whole = run(with_out(directory / "whole"));
  ASSERT_EQ(whole.status, 0) << whole.err;

  command::Process first(with_out(directory / "cut"));
  // Into the second epoch, so that momentum, running statistics and the log are all under way.
  for (int wait = 0; wait < 6000 && first.out_so_far().find("epoch 1/3: loss") == std::string::npos; ++wait)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  first.signal(SIGINT);
  const Result cut = first.wait();
  ASSERT_EQ(cut.status, 130) << cut.out << cut.err;
  EXPECT_NE(cut.out.find("mode train --resume --out"), std::string::npos) << cut.out;
  const Result rest = run({"train", "--resume", "--out", directory / "cut"});
  ASSERT_EQ(rest.status, 0) << rest.err;
  EXPECT_NE(rest.out.find("going on in epoch"), std::string::npos) << rest.out;

  ASSERT_EQ(value_after(whole.out, "weights").size(), 16u);
  EXPECT_EQ(value_after(whole.out, "weights"), value_after(rest.out, "weights"));
  const nn::TensorFile a = nn::read_safetensors(directory / "whole/state.safetensors");
  const nn::TensorFile b = nn::read_safetensors(directory / "cut/state.safetensors");
  EXPECT_EQ(nn::content_hash(a.tensors), nn::content_hash(b.tensors)) << "momentum and running statistics";
  // The log agrees but for the clock.
  std::istringstream log_a(read_bytes(directory / "whole/log.csv")), log_b(read_bytes(directory / "cut/log.csv"));
  std::string line_a, line_b;
  for (int row = 0; row < 4; ++row) {
    ASSERT_TRUE(std::getline(log_a, line_a));
    ASSERT_TRUE(std::getline(log_b, line_b));
    const auto without_clock = [](const std::string& line) { return line.substr(0, line.rfind(',', line.rfind(',') - 1)); };
    EXPECT_EQ(without_clock(line_a), without_clock(line_b));
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

TEST(Eval, AccuracyAloneWithoutOodSets) {
  const Result result = run({"eval", "--model", trained_model(), "--id-test", test_data});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("ID accuracy: "), std::string::npos);
  EXPECT_NE(result.out.find(" of 64 right)"), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("AUROC"), std::string::npos);
}

TEST(Eval, TableAndReport) {
  const TemporaryDirectory directory;
  const std::vector<std::string> arguments = {"eval",
                                              "--model",
                                              trained_model(),
                                              "--id",
                                              train_data,
                                              "--id-test",
                                              test_data,
                                              "--ood",
                                              "noise=synthetic:noise?limit=24",
                                              "textures=synthetic:textures?limit=24",
                                              "--knn-k",
                                              "5",
                                              "--out"};
  const auto with_out = [&](const std::string& out) {
    std::vector<std::string> all = arguments;
    all.push_back(out);
    return all;
  };
  const Result result = run(with_out(directory / "report"));
  ASSERT_EQ(result.status, 0) << result.err;
  for (const char* part : {"msp", "maxlogit", "energy", "knn", "csd", "noise", "textures", "AUROC"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << " in\n" << result.out;
  const std::string json = read_bytes(directory / "report/results.json");
  for (const char* part : {"\"csd\"", "\"fpr95\"", "\"aupr_in\"", "\"commit\"", "\"seed\"", "\"arguments\""})
    EXPECT_NE(json.find(part), std::string::npos) << part << " in\n" << json;
  EXPECT_EQ(lines(read_bytes(directory / "report/scores/noise.csv")), 25);
  EXPECT_EQ(lines(read_bytes(directory / "report/scores/id.csv")), 65);
}

TEST(Eval, ConstantScoresAreFlaggedNotPraised) {
  // A classifier of zeros gives every picture the same logits.
  const TemporaryDirectory directory;
  nn::TensorFile file = nn::read_safetensors(trained_model());
  for (const char* name : {"fc.weight", "fc.bias"}) {
    const nn::Tensor& old = file.tensors.at(name);
    file.tensors[name] = nn::Tensor::zeros(old.shape(), old.dtype());
  }
  file.metadata.erase("content_hash");
  nn::write_safetensors(directory / "zeros.safetensors", file);
  const Result result = run({"eval", "--model", directory / "zeros.safetensors", "--id", train_data, "--id-test", test_data, "--ood",
                             "noise=synthetic:noise?limit=24", "--methods", "msp,maxlogit", "--out", directory / "report"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("n/a (constant)"), std::string::npos) << result.out;
  const std::string json = read_bytes(directory / "report/results.json");
  EXPECT_EQ(json.find("\"fpr95\": 0.0"), std::string::npos) << json;
}

TEST(Features, FileHoldsWhatItSays) {
  const TemporaryDirectory directory;
  const Result result = run({"features", "--model", trained_model(), "--data", test_data, "--out", directory / "f.safetensors"});
  ASSERT_EQ(result.status, 0) << result.err;
  const nn::TensorFile file = nn::read_safetensors(directory / "f.safetensors");
  ASSERT_EQ(file.tensors.size(), 4u);
  EXPECT_EQ(file.tensors.at("regions").shape(), (nn::Shape{64, 6, 64}));
  EXPECT_EQ(file.tensors.at("logits").dim(0), 64);
  EXPECT_EQ(file.tensors.at("labels").shape(), (nn::Shape{64}));
  EXPECT_EQ(file.tensors.at("ids").to_vector()[63], 63);
  EXPECT_EQ(file.metadata.at("data"), test_data);
  EXPECT_EQ(file.metadata.at("scales"), "global, quadrant 1, quadrant 2, quadrant 3, quadrant 4, centre");
  EXPECT_EQ(file.metadata.at("weights").size(), 16u);
}

TEST(Gradcheck, TheExitStatusIsTheVerdict) {
  const Result relu = run({"gradcheck", "--op", "relu"});
  EXPECT_EQ(relu.status, 0) << relu.out << relu.err;
  EXPECT_NE(relu.out.find(" 0 failed"), std::string::npos) << relu.out;
  expect_one_line(run({"gradcheck", "--op", "absent"}), 2, "--op absent");
  expect_one_line(run({"gradcheck", "--device", "abacus"}), 2, "abacus");
}

TEST(Info, Tables) {
  const Result arch = run({"info", "--arch", "resnet18"});
  EXPECT_EQ(arch.status, 0) << arch.err;
  EXPECT_NE(arch.out.find("11,173,962"), std::string::npos) << arch.out;
  const Result model = run({"info", "--model", trained_model()});
  EXPECT_EQ(model.status, 0) << model.err;
  for (const char* part : {"resnet8", "weights", "seed", "commit"}) EXPECT_NE(model.out.find(part), std::string::npos) << model.out;
  const Result data = run({"info", "--data", test_data});
  EXPECT_EQ(data.status, 0) << data.err;
  EXPECT_NE(data.out.find("64 pictures of 32 x 32"), std::string::npos) << data.out;
  const Result program = run({"info"});
  EXPECT_EQ(program.status, 0) << program.err;
  for (const char* part : {"resnet56", "csd", "cifar100:", "textures"}) EXPECT_NE(program.out.find(part), std::string::npos) << program.out;
}

}  // namespace
