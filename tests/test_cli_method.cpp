// Training by the paper's objectives, and what follows from it: mode train --loss, --alpa, mode finetune, mode probe, mode eval.

#include <cstdio>

#include "nn/checkpoint.h"
#include "nn/data/image_io.h"
#include "tests/command_training.h"

namespace {

using command::run;
using command::train_arguments;
using command::value_after;

const std::vector<std::string> mode_t = {"--loss", "supcon", "--augment", "contrastive", "--alpa", "joint", "--lr", "0.05"};

std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// A run of MODE-T for the tests that need any.
const std::string& mode_t_run() {
  static const TemporaryDirectory directory;
  static const std::string path = [] {
    const command::Result result = run(train_arguments(directory / "run", mode_t));
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    return directory / "run";
  }();
  return path;
}

TEST(CliMethod, ModeTLogsEachTermAlone) {
  const std::string log = read_bytes(mode_t_run() + "/log.csv");
  EXPECT_EQ(log.rfind("epoch,step,lr,loss,cross_entropy,contrastive,alpa,grad_norm,train_accuracy,", 0), 0u) << log;
  double lr = 0, loss = 0, contrastive = 0, alpa = 0;
  int epoch = 0, step = 0;
  ASSERT_EQ(std::sscanf(log.c_str() + log.find('\n') + 1, "%d,%d,%lf,%lf,,%lf,%lf,", &epoch, &step, &lr, &loss, &contrastive, &alpa), 6)
      << log;
  EXPECT_GT(contrastive, 0);
  EXPECT_GT(alpa, 0);
  EXPECT_NEAR(loss, contrastive + alpa, 1e-4 * loss);
  // The heads are no part of the network that others get, and of the state they are.
  const nn::LoadedModel model = nn::load_model(mode_t_run() + "/model.safetensors");
  EXPECT_EQ(model.checkpoint.metadata.at("classifier"), "untrained");
  const nn::TensorFile state = nn::read_safetensors(mode_t_run() + "/state.safetensors");
  for (const char* name : {"head.0.weight", "alpa.query.0.weight", "momentum.alpa.value.2.weight", "conv1.weight"})
    EXPECT_EQ(state.tensors.count(name), 1u) << name;
  EXPECT_EQ(state.tensors.count("momentum.fc.weight"), 0u);
}

TEST(CliMethod, AnInterruptedRunEndsInTheSameBits) {
  const TemporaryDirectory directory;
  const std::string out = directory / "run";
  {
    command::Process process(with(train_arguments(out, mode_t), {"--save-every", "1"}));
    for (int wait = 0; wait < 2000 && !std::filesystem::exists(out + "/log.csv"); ++wait) ::usleep(2000);
    ::usleep(300'000);
    process.signal(SIGKILL);
    process.wait();
  }
  const command::Result resumed = run({"train", "--resume", "--out", out});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(value_after(resumed.out, "weights"), nn::content_hash(nn::read_safetensors(mode_t_run() + "/model.safetensors").tensors));
}

TEST(CliMethod, FinetuneTrainsEverythingButTheClassifier) {
  const TemporaryDirectory directory;
  const std::string out = directory / "mode-f";
  const command::Result result = run({"finetune", "--from", command::trained_model(), "--data", command::train_data, "--epochs", "1",
                                      "--batch", "32", "--lr", "0.02", "--out", out});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("44 tensors matched"), std::string::npos) << result.out;
  const nn::LoadedModel base = nn::load_model(command::trained_model()), tuned = nn::load_model(out + "/model.safetensors");
  const auto before = nn::export_weights(*base.net), after = nn::export_weights(*tuned.net);
  for (const auto& [name, tensor] : before)
    if (tensor.dtype() == tensor::Dtype::f32) {
      EXPECT_EQ(after.at(name).to_vector() == tensor.to_vector(), name.rfind("fc.", 0) == 0) << name;
    }
  EXPECT_EQ(tuned.checkpoint.metadata.at("classifier"), "stale");
  for (const char* same : {"mean", "std", "arch", "shortcut", "input_size", "val_ids", "val_names"})
    EXPECT_EQ(tuned.checkpoint.metadata.at(same), base.checkpoint.metadata.at(same)) << same;
}

TEST(CliMethod, EvalAndProbeOfANetworkWithoutClassifier) {
  const TemporaryDirectory directory;
  const std::string model = mode_t_run() + "/model.safetensors";
  const std::vector<std::string> sets = {
      "--id", command::train_data, "--id-test", command::test_data, "--ood", "noise=synthetic:noise?limit=20"};
  const command::Result eval = run(with({"eval", "--model", model, "--knn-k", "5"}, sets));
  ASSERT_EQ(eval.status, 0) << eval.err;
  EXPECT_NE(eval.out.find("n/a        msp, maxlogit, energy: the network's classifier is untrained (loss supcon)"), std::string::npos)
      << eval.out;
  EXPECT_NE(eval.out.find("by the 5 nearest neighbors; the classifier is untrained"), std::string::npos) << eval.out;
  EXPECT_NE(eval.out.find("\ncsd "), std::string::npos);
  command::expect_one_line(run(with({"eval", "--model", model, "--methods", "msp"}, sets)), 1, "mode probe");

  const std::string probed = directory / "probed.safetensors";
  const command::Result probe =
      run({"probe", "--model", model, "--data", command::train_data, "--test", command::test_data, "--epochs", "20", "--out", probed});
  ASSERT_EQ(probe.status, 0) << probe.err;
  const std::string test = value_after(probe.out, "test");
  EXPECT_NE(test.find("% probe accuracy"), std::string::npos) << probe.out;
  const command::Result again = run(with({"eval", "--model", probed, "--methods", "msp"}, sets));
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_NE(again.out.find("ID accuracy: " + test.substr(0, test.find(' ')) + " %"), std::string::npos) << again.out << probe.out;
}

TEST(CliMethod, WhatWasHeldOutStaysHeldOut) {
  const TemporaryDirectory directory;
  const std::string data = "synthetic:shapes?split=train&limit=60", base = directory / "base";
  ASSERT_EQ(run({"train", "--data", data, "--arch", "resnet8", "--size", "12", "--epochs", "1", "--batch", "20", "--seed", "0",
                 "--val-fraction", "0.2", "--out", base})
                .status,
            0);
  const std::string model = base + "/model.safetensors";
  const auto metadata = [](const std::string& path) { return nn::load_model(path).checkpoint.metadata; };
  const auto finetune = [&](const std::string& spec, const std::string& out) {
    return run({"finetune", "--from", model, "--data", spec, "--epochs", "1", "--batch", "20", "--seed", "7", "--out", directory / out});
  };
  ASSERT_EQ(finetune(data, "tuned").status, 0);
  EXPECT_EQ(metadata(directory / "tuned/model.safetensors").at("val_ids"), metadata(model).at("val_ids"));
  command::expect_one_line(finetune("synthetic:shapes?split=train&limit=80", "more"), 1, "validation split");
  // A probe leaves them out, or where the set is another says so and forgets them.
  const auto probe = [&](const std::string& spec) {
    return run({"probe", "--model", model, "--data", spec, "--epochs", "2", "--out", directory / "probed.safetensors"});
  };
  EXPECT_NE(probe(data).out.find("validation 10 of 60"), std::string::npos);
  EXPECT_EQ(metadata(directory / "probed.safetensors").at("val_ids"), metadata(model).at("val_ids"));
  EXPECT_NE(probe("synthetic:shapes?split=test&limit=60").out.find("note:"), std::string::npos);
  EXPECT_EQ(metadata(directory / "probed.safetensors").count("val_ids"), 0u);
}

TEST(CliMethod, PresetsAndResumesKnowTheirCommand) {
  const TemporaryDirectory directory;
  EXPECT_EQ(run({"finetune", "--preset", "list"}).status, 0);
  command::expect_one_line(run(train_arguments(directory / "run", {"--preset", "mode-f"})), 2, "belongs to mode finetune");
  command::expect_one_line(
      run({"finetune", "--from", command::trained_model(), "--data", command::train_data, "--preset", "quick", "--out", directory / "run"}),
      2, "belongs to mode train");
  command::expect_one_line(run({"finetune", "--resume", "--out", mode_t_run()}), 2, "begun by mode train");
}

TEST(CliMethod, SaysWhereNothingCanBeLearned) {
  const TemporaryDirectory directory;
  // One image of each class: nobody has a positive, and every row is guarded.
  const command::Result alone = run({"train",   "--data",   "synthetic:shapes?split=train&limit=10",
                                     "--size",  "12",       "--arch",
                                     "resnet8", "--epochs", "1",
                                     "--batch", "5",        "--val-fraction",
                                     "0",       "--loss",   "supcon",
                                     "--views", "1",        "--alpa",
                                     "joint",   "--out",    directory / "alone"});
  ASSERT_EQ(alone.status, 0) << alone.err;
  for (const char* part : {"loss 0.0000", "note: supcon was 0 in every batch", "note: alpa was 0 in every batch"})
    EXPECT_NE(alone.out.find(part), std::string::npos) << part << "\n" << alone.out;
  for (const std::vector<std::string>& too_few : std::vector<std::vector<std::string>>{
           {"--batch", "1", "--alpa", "joint"}, {"--batch", "1", "--loss", "simclr", "--augment", "contrastive"}})
    command::expect_one_line(run(with({"train", "--data", command::train_data, "--out", directory / "few"}, too_few)), 2,
                             "need three in a batch");
  std::filesystem::create_directories(directory / "images/only");
  nn::write_png(directory / "images/only/one.png", nn::Image{4, 4, std::vector<uint8_t>(3 * 4 * 4, 7)});
  command::expect_one_line(run({"train", "--data", "folder:" + directory / "images", "--loss", "supcon", "--out", directory / "few"}), 1,
                           "at least two");
  EXPECT_FALSE(std::filesystem::exists(directory / "few"));
}

TEST(CliMethod, RefusesWhatCannotBeMeant) {
  const TemporaryDirectory directory;
  const std::string out = directory / "run";
  command::expect_one_line(run(train_arguments(out, {"--loss", "none"})), 2, "--alpa joint");
  command::expect_one_line(run(train_arguments(out, {"--loss", "simclr", "--views", "1"})), 2, "at least 2");
  command::expect_one_line(run(train_arguments(out, {"--loss", "supcon", "--augment", "none"})), 2, "--views needs an --augment");
  command::expect_one_line(run(train_arguments(out, {"--loss", "supcon", "--label-smoothing", "0.1"})), 2, "--label-smoothing");
  command::expect_one_line(run(train_arguments(out, {"--alpa-temperature", "0"})), 2, "--alpa-temperature");
  command::expect_one_line(run(train_arguments(out, {"--alpa-grid", "2"})), 2, "belongs to --alpa joint");
  command::expect_one_line(run(train_arguments(out, {"--temperature", "3"})), 2, "belongs to --loss supcon");
  command::expect_one_line(run(train_arguments(out, {"--loss", "supcon", "--augment", "contrastive", "--monitor", command::test_data})), 2,
                           "--monitor");
  command::expect_one_line(run(train_arguments(out, {"--read-size", "16"})), 2, "--read-size 16 is less than --size 32");
  command::expect_one_line(run(train_arguments(out, {"--schedule", "step", "--milestones", "500"})), 2, "the run ends after 2 epochs");
  command::expect_one_line(run({"finetune", "--data", command::train_data, "--out", out}), 2, "--from");
  command::expect_one_line(run({"finetune", "--from", directory / "none", "--data", command::train_data, "--out", out}), 1, "none");
  command::expect_one_line(run({"probe", "--model", command::trained_model(), "--data", "synthetic:noise"}), 1, "classes");
  EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
