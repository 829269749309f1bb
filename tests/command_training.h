#pragma once
// A small training run by the binary, and the network it leaves.

#include <string>
#include <vector>

#include "tests/command.h"

namespace command {

inline const std::string train_data = "synthetic:shapes?split=train&limit=96";
inline const std::string test_data = "synthetic:shapes?split=test&limit=64";

inline std::vector<std::string> train_arguments(const std::string& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"train", "--data", train_data, "--arch", "resnet8", "--epochs", "2", "--batch", "32", "--out", out};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// log.csv without its last three columns, which are times.
inline std::string without_times(const std::string& log) {
  std::string result;
  for (size_t begin = 0, end = 0; (end = log.find('\n', begin)) != std::string::npos; begin = end + 1) {
    std::string line = log.substr(begin, end - begin);
    for (int column = 0; column < 3; ++column) line.resize(std::min(line.size(), line.rfind(',')));
    result += line + "\n";
  }
  return result;
}

/// One trained network for the tests that need any.
inline const std::string& trained_model() {
  static const TemporaryDirectory directory;
  static const std::string path = [] {
    const Result result = run(train_arguments(directory / "run"));
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    return directory / "run/model.safetensors";
  }();
  return path;
}

}  // namespace command
