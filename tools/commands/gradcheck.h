#pragma once
// `mode gradcheck`: compares every op's gradients with central differences, on every path of this machine.

#include <string>

namespace mode::tools {

struct GradcheckOptions {
  std::string op;              ///< only this op; empty: all
  std::string explain;         ///< this op alone, with its formulas and every number of one case
  std::string case_name;       ///< for explain: a part of the case's name; empty: a small one
  std::string device = "cpu";  ///< or cuda, cuda:N: ops without a kernel there are listed last
};

/// Prints the table. Returns the exit status: 0 all that ran passed, 1 one failed or none ran. An op or a device that does not exist is a
/// UsageError.
int run_gradcheck(const GradcheckOptions& options);

/// What run_gradcheck does where options.explain is set: prints formulas, inputs, each derivative by backward beside the numeric one, and
/// how one numeric one is made. Returns 0 where the case passes, else 1.
int run_gradcheck_explain(const GradcheckOptions& options);

}  // namespace mode::tools
