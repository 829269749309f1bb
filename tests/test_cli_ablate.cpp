// `mode ablate`, and csd's options of `mode eval`.

#include <algorithm>

#include "tests/command_training.h"

namespace {

using command::run;

std::vector<std::string> on_trained_model(const std::string& name, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {name,
                                        "--model",
                                        command::trained_model(),
                                        "--id",
                                        command::train_data,
                                        "--id-test",
                                        command::test_data,
                                        "--ood",
                                        "noise=synthetic:noise?limit=40"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(CliAblate, EachTableVariesOneChoice) {
  const TemporaryDirectory directory;
  const command::Result result = run(on_trained_model("ablate", {"--out", directory / "table.csv", "--k", "5"}));
  ASSERT_EQ(result.status, 0) << result.err;
  for (const char* part : {"scales", "global+quadrants+center", "grid3", "K = 200", "same, max", "1/10 k-center", "of 576 (k-center)"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
  const std::string csv = read_bytes(directory / "table.csv");
  EXPECT_EQ(csv.rfind("table,variant,set,fpr95,auroc\n", 0), 0u);
  // 9 sets of scales, 8 K, 6 ways to match, 5 banks; the paper's setting is in each and gives the same result. 1/100 of the bank is 5 rows.
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 9 + 8 + 6 + 5);
  const auto numbers_of = [&](const std::string& row) {
    const size_t at = csv.find("\n" + row + ",noise,");
    return at == std::string::npos ? row + " is missing" : csv.substr(at + row.size() + 8, csv.find('\n', at + 1) - at - row.size() - 8);
  };
  const std::string paper = numbers_of("bank,\"all\"");
  for (const char* same : {"scales,\"global+quadrants+center\"", "K,\"5\"", "matching,\"cross, min\""}) EXPECT_EQ(numbers_of(same), paper);
}

TEST(CliAblate, EvalTakesTheSameOptions) {
  const command::Result plain = run(on_trained_model("eval", {"--methods", "csd,knn", "--knn-k", "5"}));
  const command::Result changed =
      run(on_trained_model("eval", {"--methods", "csd,knn", "--knn-k", "5", "--csd-scales", "quadrants,grid3", "--csd-match", "same",
                                    "--csd-reduce", "mean", "--bank-rows", "50", "--bank-choice", "kcentre"}));
  ASSERT_EQ(plain.status, 0) << plain.err;
  ASSERT_EQ(changed.status, 0) << changed.err;
  EXPECT_NE(plain.out.find("K = 10, 6 scales, bank of 576 rows\n"), std::string::npos) << plain.out;
  EXPECT_NE(changed.out.find("K = 10, 13 scales, bank of 650 rows of 1248 (k-center), same scale, mean\n"), std::string::npos)
      << changed.out;
  EXPECT_EQ(command::value_after(plain.out, "knn"), command::value_after(changed.out, "knn"));
}

TEST(CliAblate, EvalTakesTheEarlierSpellingOfCenter) {
  const command::Result earlier = run(on_trained_model("eval", {"--methods", "csd", "--csd-scales", "centre"}));
  const command::Result current = run(on_trained_model("eval", {"--methods", "csd", "--csd-scales", "center"}));
  ASSERT_EQ(earlier.status, 0) << earlier.err;
  EXPECT_EQ(command::value_after(earlier.out, "csd"), command::value_after(current.out, "csd"));
}

TEST(CliAblate, RefusesWhatCannotBeMeant) {
  command::expect_one_line(run(on_trained_model("eval", {"--csd-scales", "halves"})), 2, "halves");
  command::expect_one_line(run(on_trained_model("eval", {"--csd-match", "both"})), 2, "--csd-match");
  command::expect_one_line(run(on_trained_model("eval", {"--csd-k", "20", "--bank-rows", "10"})), 1, "only 10 rows of the bank are kept");
  command::expect_one_line(run({"ablate", "--model", "m", "--id", "x", "--id-test", "y"}), 2, "--ood");
}

}  // namespace
