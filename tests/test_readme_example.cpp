// The README's C++ example: what stands between the two markers is compiled and run here, and must be the README's text.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "nn/data/loader.h"
#include "nn/data/synthetic.h"
#include "nn/losses.h"
#include "nn/resnet.h"
#include "nn/sgd.h"
#include "tests/temporary.h"

namespace {

TEST(Readme, ExampleTrains) {
  // clang-format off
  // example begins
  auto model = nn::make_resnet("resnet8", {.classes = 10});
  auto data  = nn::open_dataset("synthetic:shapes?split=train&limit=320");
  auto optim = nn::Sgd(model->named_parameters(), {.lr = 0.1, .momentum = 0.9, .weight_decay = 5e-4});
  double loss_of_step = 0;
  for (const auto& batch : nn::Loader(*data, {.batch = 64, .seed = 1, .augment = nn::crop_and_flip()})) {
    optim.zero_grad();
    auto loss = nn::cross_entropy((*model)(batch.images).logits, batch.labels);
    loss.backward();
    optim.step();
    loss_of_step = loss.value().item();
  }
  // example ends
  // clang-format on
  EXPECT_TRUE(std::isfinite(loss_of_step));
  EXPECT_LT(loss_of_step, std::log(10.0) + 0.5) << "worse than guessing after five steps";
}

/// Lines without their indentation in common, which differs between a function and a page.
std::string dedented(const std::string& text) {
  std::istringstream lines(text);
  std::string line, result;
  size_t indent = std::string::npos;
  while (std::getline(lines, line))
    if (line.find_first_not_of(' ') != std::string::npos) indent = std::min(indent, line.find_first_not_of(' '));
  lines = std::istringstream(text);
  while (std::getline(lines, line)) result += (line.size() > indent ? line.substr(indent) : "") + "\n";
  return result;
}

TEST(Readme, ShowsThisExample) {
  const std::string root = SOURCE_DIR;
  const std::string readme = read_bytes(root + "/README.md"), source = read_bytes(root + "/tests/test_readme_example.cpp");
  if (readme.empty()) GTEST_SKIP() << "README.md is missing";
  const std::string begin_mark = "// example begins\n", end_mark = "  // example ends\n";
  const size_t begin = source.find(begin_mark) + begin_mark.size();
  const std::string here = source.substr(begin, source.find(end_mark, begin) - begin);
  const size_t fence = readme.find("```cpp\n");
  ASSERT_NE(fence, std::string::npos) << "README.md has no ```cpp block";
  const size_t first = fence + 7;
  EXPECT_EQ(dedented(readme.substr(first, readme.find("```", first) - first)), dedented(here));
}

}  // namespace
