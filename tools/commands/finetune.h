#pragma once
// mode finetune: MODE-F. ALPA alone, everything trainable, from a trained network.

#include "mode/training/options.h"

namespace mode::tools {

/// Where mode finetune differs from mode train before the command line is read.
TrainOptions finetune_defaults();

/// `options.from` names the network: arch, stem, shortcut, input, normalization and the held-out images are its own. What follows is a
/// run as mode train makes them, in options.out; options.resume goes on with one.
int run_finetune(TrainOptions options);

}  // namespace mode::tools
