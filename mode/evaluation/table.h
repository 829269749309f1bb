#pragma once
// Tables that a person reads.

#include <string>
#include <vector>

namespace mode {

/// A line for each of `rows`, columns two blanks apart: the first `left_columns` to the left, the rest to the right. Rows may be short.
std::string align(const std::vector<std::vector<std::string>>& rows, size_t left_columns);

}  // namespace mode
