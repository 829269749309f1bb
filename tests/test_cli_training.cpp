// Options of mode train: presets, schedules, the validation split, the best epoch, patience, and invalid combinations.

#include "nn/data/split.h"
#include "tests/command.h"
#include "tests/command_training.h"

namespace {

using command::expect_one_line;
using command::Result;
using command::run;
using command::train_arguments;
using command::value_after;

std::vector<std::vector<std::string>> rows_of(const std::string& log) {
  std::vector<std::vector<std::string>> rows;
  for (size_t begin = 0, end = 0; (end = log.find('\n', begin)) != std::string::npos; begin = end + 1) {
    std::vector<std::string> row(1);
    for (const char c : log.substr(begin, end - begin))
      if (c == ',')
        row.emplace_back();
      else
        row.back().push_back(c);
    rows.push_back(row);
  }
  return rows;
}

/// Column `name` of log.csv, without the header.
std::vector<double> column(const std::string& path, const std::string& name) {
  const auto rows = rows_of(read_bytes(path));
  std::vector<double> values;
  const auto at = static_cast<size_t>(std::find(rows.at(0).begin(), rows.at(0).end(), name) - rows[0].begin());
  for (size_t row = 1; row < rows.size(); ++row) values.push_back(rows[row].at(at).empty() ? NAN : std::stod(rows[row][at]));
  return values;
}

TEST(TrainOptions, WhatMakesNoSenseIsAUsageError) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--mean", "0.5", "0.5", "0.5"}, "--mean and --std belong together"},
      {{"--schedule", "linear"}, "--schedule linear: expected cosine, step or constant"},
      {{"--schedule", "step"}, "--milestones"},
      {{"--milestones", "3,5"}, "belong to --schedule step"},
      {{"--schedule", "step", "--milestones", "5,3"}, "ascending"},
      {{"--schedule", "step", "--milestones", "0"}, "--milestones"},
      {{"--gamma", "2"}, "--gamma"},
      {{"--warmup-epochs", "3"}, "--warmup-epochs 3 exceed --epochs 2"},
      {{"--nesterov", "--momentum", "0"}, "--nesterov needs"},
      {{"--momentum", "1"}, "--momentum 1"},
      {{"--clip", "-1"}, "--clip"},
      {{"--label-smoothing", "1.5"}, "--label-smoothing"},
      {{"--val-fraction", "1"}, "--val-fraction 1"},
      {{"--val-fraction", "0", "--patience", "2"}, "--patience needs a validation split"},
      {{"--crop", "middle"}, "--crop middle: expected squash or center"},
      {{"--short-side", "40"}, "--short-side belongs to --crop center"},
      {{"--crop", "center", "--short-side", "16"}, "--short-side 16 is less than --size 32"},
      {{"--augment", "none", "--read-size", "40"}, "--read-size needs an --augment"},
      {{"--augment", "mixup"}, "--augment mixup: expected none"},
      {{"--save-every", "often"}, "--save-every often"},
      {{"--save-every", "0"}, "--save-every 0"},
      {{"--save-every", "2.5"}, "--save-every 2.5"},
      {{"--save-every", "-1m"}, "--save-every"},
      {{"--preset", "best"}, "--preset best: unknown; known: cifar10-ce"},
  };
  const TemporaryDirectory directory;
  for (const auto& [options, part] : cases) {
    SCOPED_TRACE(options[0] + " " + part);
    expect_one_line(run(train_arguments(directory / "run", options)), 2, part);
  }
  EXPECT_FALSE(std::filesystem::exists(directory / "run"));
  // 2 % of each class of 96 images is no image: patience would never end the run.
  expect_one_line(run(train_arguments(directory / "run", {"--patience", "2"})), 1, "--val-fraction 0.02 of");
}

TEST(TrainOptions, HelpHasAnExampleOfEach) {
  const std::string help = run({"train", "--help"}).out;
  for (const char* part :
       {"--preset cifar10-ce", "--schedule step --milestones 30,60", "--no-decay-norm-bias --label-smoothing 0.1 --clip 5",
        "--crop center --short-side 72 --augment imagenet --read-size 96", "--val-fraction 0.1 --patience 10 --save-every 10m",
        "--resume --out", "cifar10-ce, cifar100-ce, imagenet-ce, cifar10-supcon", "cifar10-mode-t-ce, mode-f, quick"})
    EXPECT_NE(help.find(part), std::string::npos) << part << " in\n" << help;
}

TEST(TrainOptions, EarlierNamesAreStillAccepted) {
  const TemporaryDirectory directory;
  const Result now = run(train_arguments(directory / "now", {"--val-fraction", "0.2", "--val-seed", "5", "--monitor", command::test_data}));
  const Result before =
      run(train_arguments(directory / "before", {"--holdout", "0.2", "--holdout-seed", "5", "--val", command::test_data}));
  ASSERT_EQ(before.status, 0) << before.err;
  EXPECT_EQ(value_after(before.out, "weights"), value_after(now.out, "weights"));
  EXPECT_EQ(command::without_times(read_bytes(directory / "before/log.csv")),
            command::without_times(read_bytes(directory / "now/log.csv")));
  const std::string help = run({"train", "--help"}).out;
  for (const char* hidden : {"--holdout", "--val ", "--no-augment"}) EXPECT_EQ(help.find(hidden), std::string::npos) << hidden;
  // A state with the earlier keys.
  const std::string path = directory / "before/state.safetensors";
  nn::TensorFile state = nn::read_safetensors(path);
  const auto rename = [&](const std::string& from, const std::string& to) {
    state.metadata[to] = state.metadata.at(from);
    state.metadata.erase(from);
  };
  rename("option.val-fraction", "option.holdout");
  rename("option.val-seed", "option.holdout-seed");
  rename("option.monitor", "option.val");
  rename("val_hash", "held_out_hash");
  rename("option.alpa-by-image", "option.alpa-by-picture");
  state.metadata["option.shortcut"] = "";
  nn::add_content_hash(state);
  nn::write_safetensors(path, state);
  const Result resumed = run({"train", "--resume", "--out", directory / "before"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(value_after(resumed.out, "weights"), value_after(now.out, "weights"));
  EXPECT_NE(resumed.out.find("monitor    " + command::test_data), std::string::npos) << resumed.out;
}

/// tests/example_training.cpp trains through the library, interrupted after its first epoch.
TEST(Library, TrainsToTheWeightsOfTheCommands) {
  const TemporaryDirectory directory;
  const std::string line = fmt::format("'{}/example_training' '{}' > '{}'", BUILD_DIR, directory / "library", directory / "out");
  ASSERT_EQ(std::system(line.c_str()), 0);
  const std::string out = read_bytes(directory / "out"), data = "synthetic:shapes?limit=640";
  const Result base = run({"train", "--data", data, "--arch", "resnet8", "--epochs", "2", "--batch", "64", "--out", directory / "base"});
  const Result tuned =
      run({"finetune", "--from", directory / "base/model.safetensors", "--data", data, "--epochs", "1", "--out", directory / "f"});
  EXPECT_EQ(value_after(base.out, "weights").size(), 16u) << base.err;
  EXPECT_EQ(value_after(out, "base weights"), value_after(base.out, "weights")) << out;
  EXPECT_EQ(value_after(out, "mode-f weights"), value_after(tuned.out, "weights")) << tuned.err;
}

TEST(Preset, IsListedPrintedAndOverridden) {
  const Result list = run({"train", "--preset", "list"});
  EXPECT_EQ(list.status, 0);
  for (const char* part : {"cifar10-ce", "--arch resnet18 --epochs 500 --batch 512 --lr 0.2", "cifar100-ce", "--arch resnet34", "quick"})
    EXPECT_NE(list.out.find(part), std::string::npos) << part << " in\n" << list.out;
  const TemporaryDirectory directory;
  const Result result = run(train_arguments(directory / "run", {"--preset", "cifar10-ce", "--warmup-epochs", "1"}));
  ASSERT_EQ(result.status, 0) << result.err;
  const std::string line = value_after(result.out, "preset");
  for (const char* part : {"cifar10-ce: ", "arch resnet8 (instead of resnet18)", "epochs 2 (instead of 500)", "batch 32 (instead of 512)",
                           "lr 0.2,", "weight-decay 0.0001,", "warmup-epochs 1 (instead of 10)"})
    EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
  // By hand the same run.
  const Result by_hand = run(train_arguments(directory / "by-hand", {"--lr", "0.2", "--weight-decay", "0.0001", "--warmup-epochs", "1"}));
  EXPECT_EQ(value_after(by_hand.out, "weights"), value_after(result.out, "weights"));
  EXPECT_EQ(run({"train", "--resume", "--preset", "cifar10-ce", "--out", directory / "run"}).status, 0);
}

TEST(Schedules, TheLogHasTheirRates) {
  const TemporaryDirectory directory;
  const auto rates = [&](const std::string& out, std::vector<std::string> options) {
    std::vector<std::string> arguments = {"train",
                                          "--data",
                                          "synthetic:shapes?limit=32",
                                          "--size",
                                          "8",
                                          "--arch",
                                          "resnet8",
                                          "--batch",
                                          "16",
                                          "--epochs",
                                          "4",
                                          "--val-fraction",
                                          "0",
                                          "--lr",
                                          "0.1",
                                          "--out",
                                          directory / out};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Result result = run(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    return column(directory / (out + "/log.csv"), "lr");
  };
  // The log has the rate of an epoch's last step.
  EXPECT_EQ(rates("constant", {"--schedule", "constant"}), (std::vector<double>{0.1, 0.1, 0.1, 0.1}));
  EXPECT_EQ(rates("step", {"--schedule", "step", "--milestones", "1,3", "--gamma", "0.5"}), (std::vector<double>{0.1, 0.05, 0.05, 0.025}));
  EXPECT_EQ(rates("words", {"--schedule", "step", "--milestones", "1", "3", "--gamma", "0.5"}),
            (std::vector<double>{0.1, 0.05, 0.05, 0.025}));
  EXPECT_EQ(rates("warm", {"--schedule", "constant", "--warmup-epochs", "2", "--warmup-start", "0.02"}),
            (std::vector<double>{0.04, 0.08, 0.1, 0.1}));
  EXPECT_DOUBLE_EQ(rates("cosine", {"--final-ratio", "0.5"})[3], 0.05);
}

TEST(Validation, IsNeverTrainedOnAndSelectsTheBestEpoch) {
  const TemporaryDirectory directory;
  const std::string out = directory / "run", data = "synthetic:shapes?split=train&limit=160";
  const std::vector<std::string> arguments = {"train",   "--data",   data,  "--size",  "16", "--arch",
                                              "resnet8", "--epochs", "5",   "--batch", "16", "--val-fraction",
                                              "0.25",    "--lr",     "0.3", "--out",   out};
  const Result result = run(arguments);
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("validation 40 of 160 images"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find(" (best)"), std::string::npos) << result.out;

  // The step count tells that 120 images were trained on.
  EXPECT_EQ(column(out + "/log.csv", "step").back(), 5 * 8);
  const std::vector<double> accuracy = column(out + "/log.csv", "val_accuracy"), loss = column(out + "/log.csv", "val_loss");
  size_t best = 0;
  for (size_t epoch = 1; epoch < accuracy.size(); ++epoch)
    if (accuracy[epoch] > accuracy[best] || (accuracy[epoch] == accuracy[best] && loss[epoch] < loss[best])) best = epoch;
  const nn::LoadedModel model = nn::load_model(out + "/best.safetensors"), last = nn::load_model(out + "/model.safetensors");
  EXPECT_EQ(model.checkpoint.metadata.at("epoch"), std::to_string(best + 1));
  EXPECT_EQ(last.checkpoint.metadata.at("epoch"), "5");

  // Who reads the model finds the images, and counts the same number right.
  const std::shared_ptr<const nn::Dataset> all = nn::open_dataset(data, {16});
  const auto held_out = nn::validation_images(last.checkpoint, all);
  ASSERT_EQ(held_out->size(), 40);
  const nn::Split split = nn::split_by_class(*all, 0.25, 1);
  EXPECT_EQ(nn::validation_ids(model.checkpoint), split.validation);
  for (const double norm : column(out + "/log.csv", "grad_norm")) EXPECT_TRUE(norm > 0 && norm < 100) << norm;
  EXPECT_EQ(column(out + "/log.csv", "loss"), column(out + "/log.csv", "cross_entropy"));
}

TEST(Patience, EndsTheRunAfterTheBest) {
  const TemporaryDirectory directory;
  // So small a rate moves no prediction: the first epoch stays the best, or the loss alone makes a later one better.
  const std::vector<std::string> arguments = {"train",      "--data",   "synthetic:shapes?limit=60",
                                              "--size",     "8",        "--arch",
                                              "resnet8",    "--epochs", "30",
                                              "--batch",    "15",       "--val-fraction",
                                              "0.2",        "--lr",     "3",
                                              "--schedule", "constant", "--patience",
                                              "2",          "--out",    directory / "run"};
  const Result result = run(arguments);
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("no improvement on the validation split in 2 epochs"), std::string::npos) << result.out;
  const std::vector<double> epochs = column(directory / "run/log.csv", "epoch");
  const std::string best = nn::load_model(directory / "run/best.safetensors").checkpoint.metadata.at("epoch");
  EXPECT_EQ(epochs.back(), std::stod(best) + 2);
  EXPECT_LT(epochs.back(), 30);
  // Ended is ended.
  const Result again = run({"train", "--resume", "--out", directory / "run"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(value_after(again.out, "weights"), value_after(result.out, "weights"));
}

TEST(Optimizer, EveryOptionReachesTheWeights) {
  const TemporaryDirectory directory;
  int number = 0;
  std::vector<std::string> hashes;
  const std::vector<std::vector<std::string>> variants = {{},
                                                          {"--nesterov"},
                                                          {"--clip", "0.5"},
                                                          {"--label-smoothing", "0.1"},
                                                          {"--no-decay-norm-bias"},
                                                          {"--val-fraction", "0.3"},
                                                          {"--schedule", "constant"},
                                                          {"--no-augment"}};
  for (const std::vector<std::string>& options : variants) {
    std::vector<std::string> arguments = {"train",
                                          "--data",
                                          "synthetic:shapes?limit=40",
                                          "--size",
                                          "8",
                                          "--arch",
                                          "resnet8",
                                          "--batch",
                                          "10",
                                          "--epochs",
                                          "1",
                                          "--out",
                                          directory / ("run" + std::to_string(number++))};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Result result = run(arguments);
    ASSERT_EQ(result.status, 0) << result.err;
    const std::string hash = value_after(result.out, "weights");
    EXPECT_EQ(std::count(hashes.begin(), hashes.end(), hash), 0) << options[0] << " changed nothing";
    hashes.push_back(hash);
    const bool lists = result.out.find("not decayed: bn1.weight, bn1.bias, ") != std::string::npos;
    EXPECT_EQ(lists, options == std::vector<std::string>{"--no-decay-norm-bias"}) << result.out;
  }
  // A norm that no gradient reaches changes no bit.
  const Result loose = run({"train", "--data", "synthetic:shapes?limit=40", "--size", "8", "--arch", "resnet8", "--batch", "10", "--epochs",
                            "1", "--clip", "1e9", "--out", directory / "loose"});
  EXPECT_EQ(value_after(loose.out, "weights"), hashes[0]);
}

TEST(Framing, TravelsWithTheWeights) {
  const TemporaryDirectory directory;
  const Result result = run({"train", "--data", "synthetic:shapes?limit=40", "--size", "16", "--arch", "resnet8", "--batch", "20",
                             "--epochs", "1", "--crop", "center", "--short-side", "20", "--out", directory / "run"});
  ASSERT_EQ(result.status, 0) << result.err;
  const nn::Preprocessing preprocessing = nn::load_model(directory / "run/model.safetensors").checkpoint.preprocessing;
  EXPECT_EQ(preprocessing.crop, nn::Crop::center);
  EXPECT_EQ(preprocessing.short_side, 20);
  EXPECT_EQ(run({"train", "--resume", "--out", directory / "run"}).status, 0);
}

TEST(Augmentation, OfLargerImagesWithAnyNumberOfWorkers) {
  const TemporaryDirectory directory;
  const auto weights = [&](const std::string& out, const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"train",    "--data",  "synthetic:shapes?limit=40",
                                          "--size",   "16",      "--arch",
                                          "resnet8",  "--batch", "20",
                                          "--epochs", "1",       "--val-fraction",
                                          "0.1",      "--out",   directory / out};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Result result = run(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    return value_after(result.out, "weights");
  };
  const std::string one = weights("one", {"--augment", "contrastive", "--read-size", "32"});
  EXPECT_EQ(one, weights("two", {"--augment", "contrastive", "--read-size", "32", "--workers", "3"}));
  EXPECT_NE(one, weights("small", {"--augment", "contrastive"}));
  EXPECT_NE(one, weights("other", {"--augment", "imagenet", "--read-size", "32"}));
  EXPECT_EQ(nn::load_model(directory / "one/model.safetensors").checkpoint.preprocessing.size, 16);
}

}  // namespace
