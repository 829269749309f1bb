#pragma once
// The source of a binary: written into checkpoints and results, printed by `mode --version`. A file of its own, because version.cpp is
// compiled again with every commit.

#include <string_view>

namespace mode {

/// "0.1.0".
std::string_view version();
/// Twelve digits of the commit, with "-dirty" appended if tracked files differed from it; "unknown" outside a git checkout.
std::string_view commit();

}  // namespace mode
