#pragma once
// mode info: what a network, a file or a data set is; without arguments, what this program is.

#include <cstdint>
#include <string>
#include <vector>

#include "mode/report/sheet.h"

namespace mode::tools {

struct InfoOptions {
  std::string arch, model, data;
  int64_t size = 32;     ///< edge of the input for --arch and --data
  int64_t classes = 10;  ///< for --arch
  std::string stem;      ///< for --arch: cifar or imagenet; empty: cifar
  std::string shortcut;  ///< for --arch: a or projection; empty: the paper's
  std::string dot;       ///< file for the network's graph; "-": stdout, and nothing else there
  std::vector<double> mean, std;
  std::string device = "cpu";
  SheetOptions sheet;     ///< for --data; no path: none
  int64_t read_size = 0;  ///< edge at which --data is read, for --sheet; 0: `size`
};
int run_info(const InfoOptions& options);
/// What `mode --version` prints.
std::string version_text();

}  // namespace mode::tools
