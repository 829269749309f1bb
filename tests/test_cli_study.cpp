// `mode study`: the runs, their initial weights, their scores, continuation, and the arithmetic of the tables.

#include <cmath>
#include <set>

#include "mode/evaluation/study.h"
#include "nn/checkpoint.h"
#include "nn/safetensors.h"
#include "tests/command_training.h"
#include "tests/errors.h"

namespace {

using command::run;
using mode::RunScores;
namespace fs = std::filesystem;

/// `more` has the word where it names one of these options too.
std::vector<std::string> study(const std::string& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"study", "--ood", "noise=synthetic:noise?limit=20"};
  const std::pair<const char*, std::string> options[] = {{"--data", "synthetic:shapes?split=train&limit=60"},
                                                         {"--id-test", "synthetic:shapes?split=test&limit=30"},
                                                         {"--size", "12"},
                                                         {"--arch", "resnet8"},
                                                         {"--epochs", "2"},
                                                         {"--extra-epochs", "1"},
                                                         {"--batch", "20"},
                                                         {"--k", "3"},
                                                         {"--seeds", "1,2"},
                                                         {"--out", out}};
  for (const auto& [name, value] : options)
    if (std::find(more.begin(), more.end(), name) == more.end()) arguments.insert(arguments.end(), {name, value});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::string with_single_blanks(const std::string& text) {
  std::string result;
  for (const char c : text)
    if (c != ' ' || result.empty() || result.back() != ' ') result += c;
  return result;
}

/// The number after `row`, a row of study.csv without its last one.
double number_of(const std::string& csv, const std::string& row) {
  const size_t at = csv.find("\n" + row);
  EXPECT_NE(at, std::string::npos) << row << " is missing in\n" << csv;
  return at == std::string::npos ? 0 : std::atof(csv.c_str() + at + 1 + row.size());
}

TEST(CliStudy, TrainsJudgesAndGoesOn) {
  const TemporaryDirectory directory;
  const std::string out = directory / "study";
  const command::Result first = run(study(out));
  ASSERT_EQ(first.status, 0) << first.err;
  for (const char* part : {"seed 2, finetune: run 8 of 8", "resnet8, loss ce, K = 3 for both methods", "over 2 seeds (1, 2)",
                           "finetune - extra, csd", "regions over the global vector", "2 + 1"})
    EXPECT_NE(first.out.find(part), std::string::npos) << part << "\n" << first.out;

  // extra trains the loss and its classifier further, finetune keeps base's classifier; both begin with base's weights.
  const auto metadata = [&](const std::string& arm) {
    return nn::load_model(out + "/seed-1/" + arm + "/model.safetensors").checkpoint.metadata;
  };
  EXPECT_EQ(metadata("base").at("alpa"), "off");
  EXPECT_EQ(metadata("joint").at("alpa"), "joint");
  EXPECT_EQ(metadata("joint").count("from"), 0u);
  EXPECT_EQ(metadata("extra").at("classifier"), "trained");
  EXPECT_EQ(metadata("finetune").at("classifier"), "stale");
  for (const char* arm : {"extra", "finetune"}) {
    EXPECT_EQ(metadata(arm).at("from"), out + "/seed-1/base/model.safetensors");
    EXPECT_EQ(metadata(arm).at("epoch"), "1");
    EXPECT_EQ(metadata(arm).at("seed"), "1000001") << "other orders and views than base's";
  }
  const auto weights = [&](const std::string& run_of) { return nn::read_safetensors(out + run_of + "/model.safetensors").tensors; };
  EXPECT_EQ(weights("/seed-1/base").at("fc.weight").to_vector(), weights("/seed-1/finetune").at("fc.weight").to_vector());
  EXPECT_NE(nn::content_hash(weights("/seed-1/base")), nn::content_hash(weights("/seed-2/base")));

  // The same scores as mode eval's of that network.
  const std::string csv = read_bytes(out + "/study.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 8 * (2 + 2));
  const command::Result eval = run({"eval", "--model", out + "/seed-2/extra/model.safetensors", "--id",
                                    "synthetic:shapes?split=train&limit=60", "--id-test", "synthetic:shapes?split=test&limit=30", "--ood",
                                    "noise=synthetic:noise?limit=20", "--knn-k", "3", "--csd-k", "3", "--methods", "csd"});
  char cell[64];
  std::snprintf(cell, sizeof cell, "%.2f / ", 100 * number_of(csv, "extra,2,csd,noise,"));
  EXPECT_NE(eval.out.find(cell), std::string::npos) << cell << "\n" << eval.out;

  // Files of an earlier version are read: a record with the images' earlier word, scores with the earlier spelling.
  const auto reword = [&](const std::string& path, const std::string& from, const std::string& to) {
    std::string text = read_bytes(path);
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << path << "\n" << text;
    write_bytes(path, text.replace(at, from.size(), to));
  };
  reword(out + "/seed-1/base/study.txt", "\nimages ", "\npictures ");
  reword(out + "/seed-1/base/scores.csv", "neighbor-accuracy", "neighbour-accuracy");

  // Again: nothing is trained. Other sets, or a run with lost scores: evaluated again.
  const command::Result again = run(study(out));
  EXPECT_EQ(again.out.find("mode train"), std::string::npos) << again.out;
  EXPECT_EQ(again.out.substr(again.out.find("resnet8, loss")), first.out.substr(first.out.find("resnet8, loss")));
  const auto hash = nn::content_hash(weights("/seed-1/joint"));
  const command::Result more = run(study(out, {"--arms", "joint", "--seeds", "1", "--ood", "strokes=synthetic:strokes?limit=20"}));
  ASSERT_EQ(more.status, 0) << more.err;
  EXPECT_NE(more.out.find("strokes"), std::string::npos);
  EXPECT_NE(more.out.find("over one seed (1)"), std::string::npos) << more.out;
  EXPECT_EQ(more.out.find("epoch 1/"), std::string::npos) << more.out;
  EXPECT_EQ(nn::content_hash(weights("/seed-1/joint")), hash);
  write_bytes(out + "/seed-1/base/scores.csv", "method,set\n");
  command::expect_one_line(run(study(out)), 1, "scored again");
}

TEST(CliStudy, AnInterruptedStudyGoesOnToTheSameNumbers) {
  const TemporaryDirectory directory;
  const std::string whole = directory / "whole", cut = directory / "cut";
  const std::vector<std::string> few = {"--arms", "finetune", "--seeds", "4", "--loss", "supcon", "--augment", "contrastive"};
  ASSERT_EQ(run(study(whole, few)).status, 0);
  EXPECT_FALSE(fs::exists(whole + "/seed-4/extra"));
  EXPECT_TRUE(fs::exists(whole + "/seed-4/base/scores.csv")) << "finetune begins with base, which is judged too";
  const std::string scores = read_bytes(whole + "/study.csv");
  fs::remove(whole + "/seed-4/finetune/scores.csv");  // killed between the two files
  EXPECT_EQ(run(study(whole, few)).status, 0);
  EXPECT_EQ(read_bytes(whole + "/study.csv"), scores);
  {
    command::Process process(study(cut, few));
    for (int wait = 0; wait < 4000 && !fs::exists(cut + "/seed-4/base/model.safetensors"); ++wait) ::usleep(1000);
    process.signal(SIGKILL);
    process.wait();
  }
  EXPECT_FALSE(fs::exists(cut + "/study.csv"));
  const command::Result rest = run(study(cut, few));
  ASSERT_EQ(rest.status, 0) << rest.err;
  EXPECT_EQ(read_bytes(cut + "/study.csv"), read_bytes(whole + "/study.csv"));
}

TEST(CliStudy, CtrlCLeavesTheWholeStudy) {
  const TemporaryDirectory directory;
  const std::string out = directory / "study";
  command::Process process(study(out));
  for (int wait = 0; wait < 4000 && !fs::exists(out + "/seed-1/base/state.safetensors"); ++wait) ::usleep(1000);
  process.signal(SIGINT);
  const command::Result result = process.wait();
  EXPECT_EQ(result.status, 130) << result.err;
  EXPECT_NE(result.out.find("the same mode study command resumes it"), std::string::npos) << result.out;
  EXPECT_FALSE(fs::exists(out + "/study.csv"));
}

TEST(CliStudy, RefusesWhatCannotBeMeant) {
  const TemporaryDirectory directory;
  const std::string out = directory / "study";
  command::expect_one_line(run({"study", "--out", out}), 2, "--data");
  command::expect_one_line(run(study(out, {"--arms", "extra", "--loss", "none"})), 2, "--loss none");
  command::expect_one_line(run(study(out, {"--seeds", "1,1"})), 2, "distinct seeds");
  command::expect_one_line(run(study(out, {"--schedule", "step"})), 2, "--schedule step");
  command::expect_one_line(run(study(out, {"--ood", "noise=synthetic:noise"})), 1, "noise");
  command::expect_one_line(run(study(out, {"--ood", "a,b=synthetic:noise"})), 2, "commas");
  command::expect_one_line(run(study(out, {"--ood", "absent=folder:" + out + "/nowhere"})), 1, "nowhere");
  command::expect_one_line(run(study(out, {"--k", "100"})), 1, "--k 100");
  EXPECT_FALSE(fs::exists(out)) << "refused before anything was made";
  command::expect_one_line(run(study(out, {"--temperature", "1"})), 2, "belongs to --loss supcon");
  command::expect_one_line(run(study(out, {"--arms", "extra", "--alpa-grid", "2"})), 2, "belongs to --alpa joint");
  EXPECT_EQ(run({"study", "--preset", "list"}).status, 0);
}

TEST(CliStudy, RefusesRunsThatWereBegunOtherwise) {
  const TemporaryDirectory directory;
  const std::string out = directory / "study", base = out + "/seed-1/base";
  std::vector<std::string> alone = study(out, {"--arms", "base", "--seeds", "1"});
  alone.erase(std::find(alone.begin(), alone.end(), "--extra-epochs"), std::find(alone.begin(), alone.end(), "--extra-epochs") + 2);
  ASSERT_EQ(run(alone).status, 0);
  const command::Result more = run(study(out, {"--arms", "extra", "--seeds", "1"}));  // base is kept
  ASSERT_EQ(more.status, 0) << more.err;
  EXPECT_EQ(more.out.find("epoch 1/2"), std::string::npos) << more.out;
  command::expect_one_line(run(study(out, {"--arms", "base", "--seeds", "1", "--epochs", "3"})), 2, "'epochs 2', not 'epochs 3'");
  command::expect_one_line(run(study(out, {"--data", "synthetic:shapes?split=train&limit=50"})), 2, "limit=60', not");
  ASSERT_EQ(run(study(out, {"--arms", "base", "--seeds", "2"})).status, 0);
  fs::copy_file(out + "/seed-2/base/model.safetensors", base + "/model.safetensors", fs::copy_options::overwrite_existing);
  command::expect_one_line(run(study(out, {"--arms", "extra", "--seeds", "1"})), 2, "seed-1/extra was started with 'base ");
  write_bytes(base + "/study.txt", "");
  command::expect_one_line(run(study(out)), 2, "was started with ''");
  fs::remove(base + "/study.txt");
  command::expect_one_line(run(study(out)), 1, "a run of another command");
}

/// The options of a run's state.
std::map<std::string, std::string> options_of(const std::string& path) {
  std::map<std::string, std::string> options;
  for (const auto& [key, value] : nn::read_safetensors(path + "/state.safetensors").metadata)
    if (key.rfind("option.", 0) == 0) options[key.substr(7)] = value;
  return options;
}

TEST(CliStudy, TheControlDiffersInTheObjectiveAlone) {
  const TemporaryDirectory directory;
  // What finetune writes down of the network it begins with, where extra's own choice is the same.
  const std::set<std::string> filled_in = {"val-seed", "mean", "std", "shortcut"};
  const auto differences = [&](const std::string& out) {
    std::vector<std::string> names;
    const auto extra = options_of(out + "/seed-1/extra");
    for (const auto& [name, value] : options_of(out + "/seed-1/finetune"))
      if (extra.at(name) != value && filled_in.count(name) == 0) names.push_back(name);
    return names;
  };
  const std::string ce = directory / "ce";  // nothing here is what mode finetune would take by itself
  ASSERT_EQ(run(study(ce, {"--seeds", "1", "--arms", "extra,finetune", "--views", "2", "--augment", "contrastive", "--warmup-epochs", "1",
                           "--momentum", "0.8", "--weight-decay", "0.001", "--extra-lr", "0.03", "--schedule", "constant"}))
                .status,
            0);
  EXPECT_EQ(differences(ce), (std::vector<std::string>{"alpa", "loss"}));
  const auto of_model = [&](const std::string& arm) {
    return nn::load_model(ce + "/seed-1/" + arm + "/model.safetensors").checkpoint.metadata;
  };
  for (const char* same : {"mean", "std", "shortcut", "val_fraction"})
    EXPECT_EQ(of_model("extra").at(same), of_model("finetune").at(same)) << same;
  EXPECT_EQ(options_of(ce + "/seed-1/finetune").at("views"), "2");
  EXPECT_EQ(options_of(ce + "/seed-1/finetune").at("lr"), "0.03");
  EXPECT_EQ(options_of(ce + "/seed-1/finetune").at("warmup-epochs"), "0");

  // Without its head the control would spend its epochs on growing another; and ALPA sees no labels where the loss saw none.
  const std::string simclr = directory / "simclr";
  const command::Result result =
      run(study(simclr, {"--seeds", "1", "--arms", "extra,finetune", "--loss", "simclr", "--augment", "contrastive"}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("base/state.safetensors: 4 tensors"), std::string::npos) << result.out;
  EXPECT_EQ(options_of(simclr + "/seed-1/finetune").at("alpa-by-image"), "1");
  EXPECT_EQ(result.out.find("positives by label"), std::string::npos) << result.out;
  EXPECT_EQ(options_of(ce + "/seed-1/finetune").at("alpa-by-image"), "0");
}

TEST(StudyTable, SpreadsAndGainsAreWorkedOutByHand) {
  const mode::Spread spread = mode::spread_of({0.1, 0.2, 0.6});
  EXPECT_NEAR(spread.mean, 0.3, 1e-15);
  EXPECT_NEAR(spread.deviation, std::sqrt((0.04 + 0.01 + 0.09) / 2), 1e-15);
  EXPECT_TRUE(std::isnan(mode::spread_of({0.5}).deviation));
  EXPECT_TRUE(std::isnan(mode::spread_of({}).mean));

  mode::Study table{.arms = {"base", "extra", "finetune"},
                    .methods = {"knn", "csd"},
                    .sets = {"a", "b"},
                    .seeds = {1, 2},
                    .epochs = {{"base", "4"}, {"extra", "4 + 1"}, {"finetune", "4 + 1"}},
                    .runs = {}};
  const auto scores = [](double fpr95, double auroc) {
    RunScores run;
    run.knn_accuracy = auroc;
    run.classifier_accuracy = std::nan("");
    for (const char* method : {"knn", "csd"}) {
      run.detections[method]["a"] = {fpr95, auroc};
      run.detections[method]["b"] = {fpr95 / 2, auroc - (method[0] == 'c' ? 0.02 : 0)};
    }
    return run;
  };
  table.runs["base"] = {{1, scores(0.6, 0.7)}, {2, scores(0.5, 0.75)}};
  table.runs["extra"] = {{1, scores(0.5, 0.8)}, {2, scores(0.5, 0.81)}};
  table.runs["finetune"] = {{1, scores(0.4, 0.84)}, {2, scores(0.2, 0.87)}};
  const std::string text = with_single_blanks(mode::format_study(table));
  // knn's AUROC of finetune - extra: + 4 and + 6 points; its FPR95, the mean of a and half of it: 3/4 of - 10 and - 30.
  for (const char* line : {"finetune - extra, knn +5.00 ± 1.41 -15.00 ± 10.61", "csd - knn, base -1.00 ± 0.00 +0.00 ± 0.00",
                           "base knn 72.50 ± 3.54 72.50 ± 3.54 72.50 ± 3.54", "4 + 1"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;

  const RunScores back = mode::scores_from_csv(mode::scores_to_csv(table.runs["base"][1]), "scores.csv");
  EXPECT_EQ(back.detections.at("csd").at("b").auroc, 0.7 - 0.02);
  EXPECT_EQ(back.knn_accuracy, 0.7);
  EXPECT_TRUE(std::isnan(back.classifier_accuracy));
  for (const char* broken : {"", "method,set,fpr95,auroc\n", "method,set,fpr95,auroc\n,neighbor-accuracy,1,\n,classifier-accuracy,x,\n",
                             "method,set,fpr95,auroc\n,neighbor-accuracy,1,\n,classifier-accuracy,1,\nknn,a,1\n"})
    EXPECT_THROW(mode::scores_from_csv(broken, "scores.csv"), tensor::Error) << broken;
}

}  // namespace
