#pragma once
// mode demo: the whole story on images that the program draws itself: train, detect, print the table.

#include <cstdint>
#include <string>
#include <vector>

namespace mode::tools {

struct DemoOptions {
  std::string out = "runs/demo";  ///< an earlier demo there is replaced; any other run is refused
  std::string arch = "resnet8";
  int64_t epochs = 10;
  uint64_t seed = 1;
  std::string device = "cpu";
  int threads = 0;
  std::vector<std::string> command_line;  ///< goes into the report
};
int run_demo(const DemoOptions& options);

}  // namespace mode::tools
