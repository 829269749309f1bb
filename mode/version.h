#pragma once
// Which source a binary was built from; written into checkpoints and results, printed by `mode --version`.

#include <string_view>

namespace mode {

/// "0.1.0".
std::string_view version();
/// Twelve digits of the commit, "-dirty" appended if tracked files differed from it; "unknown" when built outside a git checkout.
std::string_view commit();

}  // namespace mode
