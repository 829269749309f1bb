#include "mode/evaluation/evaluation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "mode/evaluation/results.h"
#include "mode/evaluation/tables.h"
#include "tests/errors.h"
#include "tests/temporary.h"

namespace {

using mode::Evaluation;
using mode::Features;
using tensor::Tensor;
namespace fs = std::filesystem;

// Images with one feature vector (cos, sin of the angle) and logits (margin, 0).
Features images(const std::vector<double>& angles, const std::vector<float>& margins, const std::vector<int64_t>& labels,
                const std::string& prefix) {
  const int64_t n = static_cast<int64_t>(angles.size());
  Features features;
  features.regions = Tensor({n, 1, 2});
  features.logits = Tensor::zeros({n, 2});
  features.labels = Tensor::from<int64_t>(labels, {n});
  features.ids = Tensor({n}, tensor::Dtype::i64);
  features.scales = {{"global", {0, 0, 1, 1}}};
  for (int64_t at = 0; at < n; ++at) {
    features.regions.data<float>()[2 * at] = static_cast<float>(std::cos(angles[at]));
    features.regions.data<float>()[2 * at + 1] = static_cast<float>(std::sin(angles[at]));
    features.logits.data<float>()[2 * at] = margins[at];
    features.ids.data<int64_t>()[at] = at;
    features.image_names.push_back(fmt::format("{}{}", prefix, at));
  }
  return features;
}

const Features train = images({0, .1, .2, .3}, {1, 1, 1, 1}, {0, 0, 0, 0}, "train");
const Features id_test = images({.05, .15, .25}, {3, 2, -1}, {0, 0, 0}, "a,\"b\" ");
const std::vector<mode::OodSet> ood = {{"far", images({2, 3}, {1, .5}, {-1, -1}, "far/")},
                                       {"same", images({.05, 1}, {2, 2}, {-1, -1}, "same/")}};
const mode::DetectorOptions options = {.csd = {.k = 1}, .knn = {.k = 1, .scale_sets = {"global"}}};

Evaluation small_evaluation() { return mode::evaluate({"maxlogit", "csd"}, options, train, id_test, ood); }

/// Where a report may go: not there yet.
struct Directory {
  const TemporaryDirectory parent;
  const fs::path path = parent / "report";
};

std::string slurp(const fs::path& path) {
  EXPECT_TRUE(fs::exists(path)) << path;
  return read_bytes(path);
}

TEST(Evaluation, NumbersByHand) {
  const Evaluation evaluation = small_evaluation();
  EXPECT_DOUBLE_EQ(evaluation.id_accuracy, 2.0 / 3);
  EXPECT_EQ(evaluation.scores.at("id").at("maxlogit"), (std::vector<double>{3, 2, 0}));
  EXPECT_EQ(evaluation.scores.at("far").at("maxlogit"), (std::vector<double>{1, .5}));
  // ID 3 2 0 against 1 .5: the threshold is 0 and lets both through; pairs won: 2 + 2 + 0 of 6.
  EXPECT_DOUBLE_EQ(evaluation.results.at("maxlogit").at("far").paper.fpr95, 1);
  EXPECT_DOUBLE_EQ(evaluation.results.at("maxlogit").at("far").paper.auroc, 4.0 / 6);
  // Against 2 2: pairs won 2, halves 2 of 6.
  EXPECT_DOUBLE_EQ(evaluation.results.at("maxlogit").at("same").paper.auroc, 3.0 / 6);
  EXPECT_DOUBLE_EQ(evaluation.mean.at("maxlogit").paper.auroc, 3.5 / 6);
  EXPECT_TRUE(evaluation.mean.at("maxlogit").flag.empty());
  EXPECT_DOUBLE_EQ(evaluation.results.at("csd").at("far").paper.auroc, 1);
  EXPECT_DOUBLE_EQ(evaluation.results.at("csd").at("far").paper.fpr95, 0);
  EXPECT_EQ(evaluation.settings.at("csd"), "K = 1, global, bank of 4 rows");
}

TEST(Evaluation, AMissingLabelMeansNoAccuracy) {
  Features unlabeled = id_test;
  unlabeled.labels = Tensor::from<int64_t>({0, -1, 0}, {3});
  EXPECT_TRUE(std::isnan(mode::evaluate({"msp"}, options, train, unlabeled, ood).id_accuracy));
  EXPECT_THROW(mode::accuracy(unlabeled), tensor::Error);
  unlabeled.labels = Tensor::from<int64_t>({0, 2, 0}, {3});
  EXPECT_THROW(mode::accuracy(unlabeled), tensor::Error);
}

TEST(Evaluation, ConstantScoresAreFlaggedInTheTable) {
  Features flat = id_test;
  flat.logits = Tensor::full({3, 2}, 1);
  std::vector<mode::OodSet> sets = ood;
  sets[0].features.logits = Tensor::full({2, 2}, 1);
  const Evaluation evaluation = mode::evaluate({"maxlogit"}, options, train, flat, sets);
  EXPECT_FALSE(evaluation.results.at("maxlogit").at("far").valid);
  EXPECT_TRUE(evaluation.results.at("maxlogit").at("same").valid);
  EXPECT_EQ(evaluation.mean.at("maxlogit").flag, "mean of 1 of 2 sets");
  EXPECT_DOUBLE_EQ(evaluation.mean.at("maxlogit").paper.fpr95, 1);
  const std::string table = mode::format_table(evaluation);
  EXPECT_NE(table.find("maxlogit  n/a (constant)  100.00 / 0.00  100.00 / 0.00*"), std::string::npos) << table;

  sets[1].features.logits = Tensor::full({2, 2}, 1);
  const Evaluation nothing = mode::evaluate({"maxlogit"}, options, train, flat, sets);
  EXPECT_FALSE(nothing.mean.at("maxlogit").valid);
  EXPECT_TRUE(std::isnan(nothing.mean.at("maxlogit").paper.fpr95));
}

TEST(Evaluation, TableSaysWhatAPersonNeeds) {
  const std::string table = mode::format_table(small_evaluation());
  for (const std::string part : {"FPR95 / AUROC in %", "maxlogit  100.00 / 66.67  100.00 / 50.00  100.00 / 58.33",
                                 "  csd       K = 1, global, bank of 4 rows", "AUIN", "AUPR_OUT", "OpenOOD"})
    EXPECT_NE(table.find(part), std::string::npos) << part << "\n" << table;
  EXPECT_EQ(table.find(" \n"), std::string::npos) << "trailing blanks";
  EXPECT_EQ(mode::format_table(mode::evaluate({"msp"}, options, train, id_test, {})), "");
}

TEST(Evaluation, SaysHowOftenEachScaleDecided) {
  const std::vector<mode::Scale> scales = {{"global", {0, 0, 4, 4}}, {"center", {1, 1, 3, 3}}, {"quadrant 1", {0, 0, 2, 2}}};
  Evaluation evaluation = small_evaluation();
  EXPECT_EQ(mode::format_table(evaluation).find("Deciding scale"), std::string::npos) << "one scale decides nothing";
  evaluation.scales = scales;
  evaluation.decisions["id"]["csd"] = {{"center", "a", "global", 0}, {"global", "a", "global", 0}, {"center", "b", "global", 0}};
  evaluation.decisions["far"]["csd"] = {{"quadrant 1", "a", "global", 0}, {"quadrant 1", "b", "global", 0}};
  evaluation.decisions["far"]["knn"] = {{"global", "a", "global", 0}, {"global", "b", "global", 0}};
  evaluation.decisions.erase("same");
  const auto shares = mode::decided_by(evaluation.decisions["id"]["csd"], scales);
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_EQ(shares[0].first, "global");
  EXPECT_DOUBLE_EQ(shares[1].second, 2.0 / 3);
  const std::string table = mode::format_table(evaluation);
  EXPECT_NE(table.find("method  set  global  center  quadrant 1\n"
                       "csd     id     33.3    66.7         0.0\n"
                       "csd     far     0.0     0.0       100.0\n"),
            std::string::npos)
      << table;
}

TEST(Evaluation, ReportOnDisk) {
  const Directory directory;
  const Evaluation evaluation = small_evaluation();
  mode::write_report(directory.path / "deeper", evaluation, id_test, ood,
                     {.seed = 7, .arguments = {"eval", "a b", "\xff"}, .facts = {{"commit", "c"}}});
  const auto json = nlohmann::json::parse(slurp(directory.path / "deeper" / "results.json"));
  EXPECT_DOUBLE_EQ(json["results"]["maxlogit"]["far"]["auroc"], 4.0 / 6);
  EXPECT_DOUBLE_EQ(json["results"]["csd"]["far"]["openood"]["fpr95"], 0);
  EXPECT_DOUBLE_EQ(json["results"]["csd"]["far"]["openood"]["aupr_in"], 1);
  EXPECT_DOUBLE_EQ(json["mean"]["maxlogit"]["auroc"], 3.5 / 6);
  EXPECT_DOUBLE_EQ(json["id_accuracy"], 2.0 / 3);
  EXPECT_EQ(json["seed"], 7);
  EXPECT_TRUE(json["seed"].is_number_unsigned());
  ASSERT_EQ(json["arguments"].size(), 3u);
  EXPECT_EQ(json["arguments"][1], "a b");
  EXPECT_EQ(json["commit"], "c");
  EXPECT_EQ(json["settings"]["csd"], "K = 1, global, bank of 4 rows");
  for (const char* key : {"fpr95", "auroc", "auin", "auout", "dterr"}) EXPECT_TRUE(json["results"]["csd"]["same"][key].is_number()) << key;
  EXPECT_FALSE(json["results"]["csd"]["same"].contains("flag"));

  const std::string id_csv = slurp(directory.path / "deeper" / "scores" / "id.csv");
  EXPECT_EQ(id_csv.substr(0, id_csv.find('\n')),
            "image,label,maxlogit,csd,csd_scale,csd_neighbor,csd_neighbor_scale,csd_neighbor_label,"
            "csd_neighbor_x0,csd_neighbor_y0,csd_neighbor_x1,csd_neighbor_y1");
  EXPECT_NE(id_csv.find("\n\"a,\"\"b\"\" 0\",0,3,"), std::string::npos) << id_csv;
  const std::string far_csv = slurp(directory.path / "deeper" / "scores" / "far.csv");
  EXPECT_NE(far_csv.find("\nfar/0,-1,1,"), std::string::npos) << far_csv;
  EXPECT_NE(far_csv.find(",global,train3,global,0,,,,\n"), std::string::npos) << far_csv;
  EXPECT_EQ(std::count(far_csv.begin(), far_csv.end(), '\n'), 3);
  EXPECT_EQ(json["decided_by"]["csd"]["far"]["global"], 1);
  EXPECT_EQ(json["scales"]["global"], nlohmann::json({0, 0, 1, 1}));
}

TEST(Evaluation, BoxesOfNeighbors) {
  const Directory directory;
  Features test = id_test;
  test.map_height = test.map_width = 1;
  test.input_size = 40;
  mode::write_report(directory.path, mode::evaluate({"csd"}, options, train, test, ood), test, ood, {});
  const std::string csv = slurp(directory.path / "scores" / "far.csv");
  EXPECT_NE(csv.find(",global,train3,global,0,0,0,40,40\n"), std::string::npos) << csv;
}

TEST(Evaluation, ReportWithoutOodSets) {
  const Directory directory;
  mode::write_report(directory.path, mode::evaluate({}, options, {}, id_test, {}), id_test, {}, {});
  const auto json = nlohmann::json::parse(slurp(directory.path / "results.json"));
  EXPECT_DOUBLE_EQ(json["id_accuracy"], 2.0 / 3);
  EXPECT_TRUE(json["seed"].is_null());
  EXPECT_FALSE(json.contains("results"));
  EXPECT_FALSE(fs::exists(directory.path / "scores"));
}

TEST(Evaluation, ANewReportLeavesNothingOfTheOldOne) {
  const Directory directory;
  const fs::path scores = directory.path / "scores";
  mode::write_report(directory.path, small_evaluation(), id_test, ood, {});
  std::ofstream(scores / "notes.csv") << "somebody's own";
  const std::vector<mode::OodSet> far = {ood[0]};
  mode::write_report(directory.path, mode::evaluate({"msp"}, options, train, id_test, far), id_test, far, {});
  EXPECT_FALSE(fs::exists(scores / "same.csv"));
  EXPECT_TRUE(fs::exists(scores / "far.csv"));
  EXPECT_TRUE(fs::exists(scores / "id.csv"));
  EXPECT_TRUE(fs::exists(scores / "notes.csv")) << "no report wrote it";

  // Fails at the scores: the old result is gone by then.
  fs::remove(scores / "far.csv");
  fs::create_directories(scores / "far.csv" / "in the way");
  EXPECT_THROW(mode::write_report(directory.path, mode::evaluate({"msp"}, options, train, id_test, far), id_test, far, {}), tensor::Error);
  EXPECT_FALSE(fs::exists(directory.path / "results.json"));
  fs::remove_all(scores / "far.csv");

  mode::write_report(directory.path, mode::evaluate({"msp"}, options, train, id_test, far), id_test, far, {});
  mode::write_report(directory.path, mode::evaluate({}, options, {}, id_test, {}), id_test, {}, {});
  EXPECT_FALSE(fs::exists(scores / "far.csv"));
  EXPECT_FALSE(fs::exists(scores / "id.csv"));

  // What is no report of ours names no files.
  std::ofstream(directory.path / "results.json") << R"({"results": {"msp": {"notes": 1, "../up": 1}, "knn": 3}})";
  std::ofstream(directory.path / "up.csv") << "above";
  mode::write_report(directory.path, mode::evaluate({}, options, {}, id_test, {}), id_test, {}, {});
  EXPECT_TRUE(fs::exists(directory.path / "up.csv"));
  for (const char* text : {"no json", "[]", R"({"results": 3})"}) {
    std::ofstream(directory.path / "results.json") << text;
    mode::write_report(directory.path, mode::evaluate({}, options, {}, id_test, {}), id_test, {}, {});
    EXPECT_TRUE(nlohmann::json::parse(slurp(directory.path / "results.json")).contains("id_accuracy")) << text;
  }
}

TEST(Evaluation, FlaggedNumbersAreNull) {
  const Directory directory;
  Features flat = id_test;
  flat.logits = Tensor::full({3, 2}, 1);
  std::vector<mode::OodSet> sets = {ood[0]};
  sets[0].features.logits = Tensor::full({2, 2}, 1);
  flat.labels = Tensor::from<int64_t>({-1, -1, -1}, {3});
  mode::write_report(directory.path, mode::evaluate({"maxlogit"}, options, train, flat, sets), flat, sets, {});
  const auto json = nlohmann::json::parse(slurp(directory.path / "results.json"));
  EXPECT_TRUE(json["results"]["maxlogit"]["far"]["fpr95"].is_null());
  EXPECT_TRUE(json["results"]["maxlogit"]["far"]["openood"]["fpr95"].is_null());
  EXPECT_EQ(json["results"]["maxlogit"]["far"]["flag"], "constant scores");
  EXPECT_TRUE(json["mean"]["maxlogit"]["auroc"].is_null());
  EXPECT_TRUE(json["id_accuracy"].is_null());
}

TEST(Evaluation, Errors) {
  const Directory directory;
  std::ofstream(directory.path) << "a file";
  expect_error([&] { mode::prepare_report(directory.path); }, "cannot make the directory");
  expect_error([&] { mode::write_report("/proc/nowhere", small_evaluation(), id_test, ood, {}); }, "cannot make the directory");
  for (const std::string name : {"", "id", "mean", "..", "a/b"})
    expect_error([&] { mode::check_ood_names({name}); }, "cannot name an OOD set");
  expect_error([] { mode::check_ood_names({"svhn", "svhn"}); }, "two OOD sets are called 'svhn'");
  expect_error([&] { mode::evaluate({"csd", "csd"}, options, train, id_test, ood); }, "named twice");
  expect_error([&] { mode::evaluate({"nothing"}, options, train, id_test, ood); }, "unknown");
  fs::remove(directory.path);
  expect_error(
      [&] {
        mode::write_report(directory.path, small_evaluation(), id_test, ood, {.seed = {}, .arguments = {}, .facts = {{"results", "x"}}});
      },
      "context key 'results' is a key of the results");
  EXPECT_FALSE(fs::exists(directory.path / "results.json"));
}

}  // namespace
