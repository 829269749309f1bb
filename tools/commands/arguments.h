#pragma once
// The command line. Two files see CLI11, arguments.cpp and arguments_training.cpp: the header is slow to compile.

#include <functional>

namespace mode::tools {

/// What the arguments ask for: a command with its options, or the text of --help or --version. The result is the exit status.
/// Throws UsageError where they make no sense.
std::function<int()> parse_arguments(int argc, char** argv);

}  // namespace mode::tools
