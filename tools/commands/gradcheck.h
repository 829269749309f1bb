#pragma once
// `mode gradcheck`: compares every op's gradients with central differences, on every path of this machine.

#include <string>

namespace mode::tools {

struct GradcheckOptions {
  std::string op;              ///< only this op; empty: all
  std::string device = "cpu";  ///< or cuda, cuda:N: ops without a kernel there are listed last
};

/// Prints the table. Returns the exit status: 0 all that ran passed, 1 one failed or none ran. An op or a device that does not exist is a
/// UsageError.
int run_gradcheck(const GradcheckOptions& options);

}  // namespace mode::tools
