// Odd command lines, many of them: each is done, or refused by one line.

#include <map>
#include <string>
#include <vector>

#include "nn/text.h"
#include "tensor/philox.h"
#include "tests/command.h"

namespace {

/// Words drawn from (case, position) alone.
class Words {
 public:
  explicit Words(uint32_t number) : number_(number) {}
  uint32_t below(uint32_t end) { return tensor::uniform_below(tensor::philox(1, tensor::Stream::test, number_, at_++)[0], end); }
  template <class T>
  T from(const std::vector<T>& choices) {
    return choices[below(static_cast<uint32_t>(choices.size()))];
  }

 private:
  uint32_t number_, at_ = 0;
};

TEST(Arguments, AnyCommandLineIsDoneOrRefusedByOneLine) {
  const TemporaryDirectory directory;
  directory.write("file", std::string("no image"));
  const std::string nowhere = directory / "file/below", absent = directory / "absent";  // nothing can be written there
  // A demo would train.
  const std::vector<std::string> commands = {"train", "eval", "features", "info", "--version", "--help",
                                             "",      "-",    "--",       "\n",   "trainx",    "mode"};
  const std::vector<std::string> options = {
      "--data", "--val",      "--arch",       "--epochs",  "--batch", "--lr",    "--weight-decay", "--momentum", "--warmup-epochs",
      "--seed", "--shortcut", "--stem",       "--size",    "--mean",  "--std",   "--threads",      "--device",   "--model",
      "--id",   "--id-test",  "--ood",        "--methods", "--csd-k", "--knn-k", "--classes",      "--resume",   "--nesterov",
      "--help", "-h",         "--frobnicate", "-x",        "---",     "--=",     "--lr="};
  const std::vector<std::string> values = {"",
                                           " ",
                                           "-",
                                           "--",
                                           "0",
                                           "-1",
                                           "-0",
                                           "1",
                                           "3",
                                           "1e308",
                                           "1e999",
                                           "-1e999",
                                           "nan",
                                           "-nan",
                                           "inf",
                                           "0x10",
                                           "1_000",
                                           "9223372036854775807",
                                           "9223372036854775808",
                                           "18446744073709551616",
                                           "-9223372036854775809",
                                           "1.5",
                                           "1e-400",
                                           "0.1 0.2",
                                           "1,2,3",
                                           "\t",
                                           "\n",
                                           "a\nb\r\n",
                                           "\x7f",
                                           "\x1b[2J",
                                           "\xff\xfe",
                                           "\xc3",
                                           "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x88",
                                           "%s%n%d",
                                           "{}",
                                           "{0}",
                                           "{",
                                           "$(x)",
                                           "resnet8",
                                           "resnet9999999999",
                                           "resnet-1",
                                           "cpu",
                                           "cuda:-1",
                                           "cuda:99999999999",
                                           "all",
                                           "msp,,msp",
                                           "a",
                                           "projection",
                                           "imagenet",
                                           "train",
                                           "info",
                                           "synthetic:",
                                           ":",
                                           "x:y",
                                           "synthetic:noise?limit=2",
                                           "synthetic:noise?limit=0",
                                           "synthetic:noise?limit=",
                                           "synthetic:noise?=",
                                           "synthetic:noise?&&",
                                           "synthetic:\n?a=b",
                                           "cifar10:" + absent,
                                           "folder:" + absent,
                                           "folder:" + (directory / "file"),
                                           "folder:/dev/null",
                                           absent,
                                           nowhere,
                                           directory / "file",
                                           "/dev/null",
                                           "/dev/zero",
                                           "/proc/self/mem",
                                           "/",
                                           "a=b",
                                           "=",
                                           "../x=synthetic:noise",
                                           std::string(5000, 'x'),
                                           std::string(120'000, '\xe4'),
                                           std::string(100'000, '9'),
                                           std::string(50'000, '{')};
  const std::map<std::string, std::vector<std::string>> own = {
      {"train", {"--data", "--arch", "--epochs", "--batch", "--size", "--lr", "--resume"}},
      {"eval", {"--model", "--id", "--ood", "--methods"}},
      {"features", {"--model", "--data"}},
      {"info", {"--data", "--model", "--arch", "--size"}}};
  int done = 0, refused = 0, failed = 0;
  for (uint32_t number = 0; number < 250; ++number) {
    Words words(number);
    const std::string command = words.from(commands);
    std::vector<std::string> line = {command};
    if (command == "train" || command == "eval" || command == "features") line.insert(line.end(), {"--out", nowhere});
    const size_t count = number % 5;
    for (size_t i = 0; i < count; ++i) {
      const bool is_known = own.count(command) != 0 && words.below(4) != 0;  // random ones alone seldom get beyond the parser
      line.push_back(words.from(is_known ? own.at(command) : options));
      for (uint32_t values_left = words.from<uint32_t>({0, 1, 1, 1, 1, 2}); values_left > 0; --values_left)
        line.push_back(words.from(values));
    }
    const command::Result result = command::run(line);
    std::string shown;
    for (const std::string& word : line) shown += " '" + nn::printable(word) + "'";
    ++(result.status == 0 ? done : result.status == 2 ? refused : failed);
    if (result.status == 0) {
      EXPECT_EQ(result.err, "") << shown;
      continue;
    }
    ASSERT_TRUE(result.status == 1 || result.status == 2) << result.status << shown << result.err.substr(0, 2000);
    EXPECT_EQ(result.err.rfind("mode: ", 0), 0u) << shown << result.err.substr(0, 2000);
    ASSERT_FALSE(result.err.empty());
    const std::string message = result.err.substr(0, result.err.size() - 1);
    EXPECT_EQ(result.err.back(), '\n') << shown;
    EXPECT_EQ(nn::escaped(message), message) << "not one line of UTF-8:" << shown;
    EXPECT_LT(message.size(), 5000u) << shown;
  }
  EXPECT_GE(done, 5);
  EXPECT_GE(refused, 50);
  EXPECT_GE(failed, 5);
  EXPECT_EQ(directory.files(), 1) << "something was written";
}

}  // namespace
