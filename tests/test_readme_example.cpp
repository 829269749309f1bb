// The program of the top README: the README must show the text of example_readme.cpp and the numbers that it prints.

#include <gtest/gtest.h>

#include <cstdio>
#include <sstream>

#include "tests/temporary.h"

namespace {

/// The README's block of code that begins with ```LANGUAGE.
std::string block(const std::string& page, const std::string& language) {
  const std::string fence = "```" + language + "\n";
  const size_t begin = page.find(fence);
  if (begin == std::string::npos) return "";
  return page.substr(begin + fence.size(), page.find("```\n", begin + fence.size()) - begin - fence.size());
}

std::vector<double> numbers(const std::string& line) {
  std::istringstream words(line);
  std::vector<double> values;
  for (double value = 0; words >> value;) values.push_back(value);
  return values;
}

TEST(Readme, ShowsTheProgram) {
  EXPECT_EQ(block(read_bytes(SOURCE_DIR "/README.md"), "cpp"), read_bytes(SOURCE_DIR "/tests/example_readme.cpp"));
}

TEST(Readme, ShowsWhatTheProgramPrints) {
  const std::string shown_text = block(read_bytes(SOURCE_DIR "/README.md"), "sh");
  FILE* pipe = popen(BUILD_DIR "/example_readme", "r");
  ASSERT_NE(pipe, nullptr);
  char text[1024] = {};
  const size_t length = fread(text, 1, sizeof(text) - 1, pipe);
  ASSERT_EQ(pclose(pipe), 0) << "build the target example_readme";
  const std::vector<double> printed = numbers({text, length});
  ASSERT_EQ(printed.size(), 40u);
  EXPECT_LT(printed.back(), printed.front() - 0.5) << "the loss must fall";

  // They follow the line with the command. Instruction sets differ in the last bits, so losses drift apart slowly.
  const std::vector<double> shown = numbers(shown_text.substr(shown_text.find('\n') + 1));
  ASSERT_EQ(shown.size(), printed.size());
  for (size_t step = 0; step < shown.size(); ++step) EXPECT_NEAR(shown[step], printed[step], 0.25) << "step " << step;
}

}  // namespace
