#pragma once
// Text tables for the terminal.

#include <string>
#include <vector>

#include "mode/evaluation/evaluation.h"

namespace mode {

/// One line per row, columns separated by two blanks. The first `left_columns` are left-aligned, the others right-aligned. Rows may be
/// short. Widths count characters of UTF-8 text.
std::string align(const std::vector<std::vector<std::string>>& rows, size_t left_columns);

/// "12.34 / 97.12": FPR95 / AUROC in %, with a final "*" where the mean leaves a set out; "n/a (constant)" where not valid.
std::string metrics_cell(const Metrics& metrics);

/// Rows: methods. Columns: FPR95 / AUROC in % for each OOD set and their mean. Then the settings, the deciding scales and the other
/// metrics. Empty without methods or OOD sets.
std::string format_table(const Evaluation& evaluation);

}  // namespace mode
