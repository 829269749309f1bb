// The binary run as a user runs it: the way from training to a report.

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "nn/safetensors.h"
#include "tests/command.h"
#include "tests/command_training.h"

namespace {

using command::expect_one_line;
using command::Result;
using command::run;
using command::test_data;
using command::train_arguments;
using command::train_data;
using command::trained_model;
using command::value_after;

int lines(const std::string& text) { return static_cast<int>(std::count(text.begin(), text.end(), '\n')); }

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

TEST(Train, LeavesARunAndRefusesToOverwriteIt) {
  const TemporaryDirectory directory;
  const Result result = run(train_arguments(directory / "run", {"--monitor", test_data, "--seed", "3", "--warmup-epochs", "1"}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  for (const char* part : {"seed 3", "conv1", "MFLOP", "epoch 1/2: loss ", "epoch 2/2: loss ", "monitor accuracy"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << " in\n" << result.out;
  EXPECT_EQ(value_after(result.out, "weights").size(), 16u);
  const std::string log = read_bytes(directory / "run/log.csv");
  EXPECT_EQ(log.rfind("epoch,step,lr,loss,cross_entropy,contrastive,alpa,grad_norm,train_accuracy,val_loss,val_accuracy,monitor_loss,"
                      "monitor_accuracy,"
                      "images_per_second,seconds,data_seconds\n1,3,",
                      0),
            0u)
      << log;
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

TEST(Train, PartialLastBatch) {
  const TemporaryDirectory directory;
  const auto arguments = [&](const std::string& limit, const std::string& out) {
    return std::vector<std::string>{
        "train", "--data", "synthetic:shapes?split=train&limit=" + limit, "--epochs", "1", "--batch", "32", "--out", directory / out};
  };
  const auto with = [](std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  for (const std::string limit : {"33", "41"}) {  // the last batch of 1 and of 9
    const Result result = run(with(arguments(limit, "run" + limit), {"--arch", "resnet8"}));
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_NE(read_bytes(directory / ("run" + limit) + "/log.csv").find("\n1,2,"), std::string::npos) << limit;
  }
  // One image on a map of 1 x 1 has no variance: said before any work.
  const Result alone = run(with(arguments("33", "alone"), {"--arch", "resnet18", "--stem", "imagenet"}));
  expect_one_line(alone, 1, "33 images in batches of 32");
  EXPECT_NE(alone.err.find("--batch"), std::string::npos) << alone.err;
  EXPECT_EQ(alone.out, "");
  EXPECT_FALSE(std::filesystem::exists(directory / "alone"));
  expect_one_line(run(with(arguments("33", "alone"), {"--arch", "resnet8", "--size", "4"})), 1, "1 x 1");
  EXPECT_EQ(run(with(arguments("34", "two"), {"--arch", "resnet8", "--size", "4"})).status, 0);
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
  const std::vector<std::string> plan = {"train",
                                         "--data",
                                         "synthetic:shapes?split=train&limit=240",
                                         "--arch",
                                         "resnet8",
                                         "--epochs",
                                         "3",
                                         "--batch",
                                         "8",
                                         "--nesterov",
                                         "--clip",
                                         "2",
                                         "--label-smoothing",
                                         "0.1",
                                         "--val-fraction",
                                         "0.1",
                                         "--no-decay-norm-bias",
                                         "--out"};
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
  EXPECT_NE(rest.out.find("resuming in epoch"), std::string::npos) << rest.out;

  ASSERT_EQ(value_after(whole.out, "weights").size(), 16u);
  EXPECT_EQ(value_after(whole.out, "weights"), value_after(rest.out, "weights"));
  const nn::TensorFile a = nn::read_safetensors(directory / "whole/state.safetensors");
  const nn::TensorFile b = nn::read_safetensors(directory / "cut/state.safetensors");
  EXPECT_EQ(nn::content_hash(a.tensors), nn::content_hash(b.tensors)) << "momentum and running statistics";
  // The log agrees but for the clock.
  const std::string log = command::without_times(read_bytes(directory / "whole/log.csv"));
  EXPECT_EQ(lines(log), 4);
  EXPECT_EQ(log, command::without_times(read_bytes(directory / "cut/log.csv")));
}

TEST(Eval, AccuracyAloneWithoutOodSets) {
  const Result result = run({"eval", "--model", trained_model(), "--id-test", test_data});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("ID accuracy: "), std::string::npos);
  EXPECT_NE(result.out.find(" of 64 right)"), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("AUROC"), std::string::npos);
}

TEST(Eval, AccuracyAloneIntoAReport) {
  const TemporaryDirectory directory;
  const Result result = run({"eval", "--model", trained_model(), "--id-test", test_data, "--out", directory / "report"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto json = nlohmann::json::parse(read_bytes(directory / "report/results.json"));
  EXPECT_TRUE(json["id_accuracy"].is_number());
  EXPECT_EQ(json["id_test"], test_data);
  EXPECT_EQ(json["seed"], 1);
  EXPECT_FALSE(json.contains("results"));
  EXPECT_FALSE(std::filesystem::exists(directory / "report/scores"));
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
  size_t accuracies = 0;
  for (size_t at = result.out.find("ID accuracy"); at != std::string::npos; at = result.out.find("ID accuracy", at + 1)) ++accuracies;
  EXPECT_EQ(accuracies, 1u) << result.out;
  const auto json = nlohmann::json::parse(read_bytes(directory / "report/results.json"));
  EXPECT_TRUE(json["results"]["csd"]["noise"]["fpr95"].is_number()) << json;
  EXPECT_TRUE(json["results"]["knn"]["textures"]["openood"]["aupr_in"].is_number()) << json;
  EXPECT_TRUE(json["commit"].is_string());
  EXPECT_EQ(json["seed"], 1);
  ASSERT_EQ(json["arguments"].size(), arguments.size() + 2) << json;
  EXPECT_EQ(json["arguments"][1], "eval");
  EXPECT_EQ(json["arguments"].back(), directory / "report");
  EXPECT_EQ(lines(read_bytes(directory / "report/scores/noise.csv")), 25);
  EXPECT_EQ(lines(read_bytes(directory / "report/scores/id.csv")), 65);
}

TEST(Eval, ConstantScoresAreFlaggedNotPraised) {
  // A classifier of zeros gives every image the same logits.
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
  EXPECT_EQ(file.metadata.at("scales"), "global, quadrant 1, quadrant 2, quadrant 3, quadrant 4, center");
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
  EXPECT_NE(data.out.find("64 images of 32 x 32"), std::string::npos) << data.out;
  const Result program = run({"info"});
  EXPECT_EQ(program.status, 0) << program.err;
  for (const char* part : {"resnet56", "csd", "cifar100:", "textures"}) EXPECT_NE(program.out.find(part), std::string::npos) << program.out;
}

}  // namespace
