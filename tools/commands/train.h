#pragma once
// mode train: a ResNet learns to classify a labeled data set.

#include "mode/training/options.h"

namespace mode::tools {

/// Returns the exit status: 0, or 130 when it was interrupted and saved what it had.
int run_train(const TrainOptions& options);

}  // namespace mode::tools
