#pragma once
// mode study: does ALPA gain anything that as much further training without it does not? Four ways to train, two detectors, several seeds.

#include <cstdint>
#include <string>
#include <vector>

#include "mode/training/options.h"

namespace mode::tools {

/// base      the loss alone, --epochs
/// extra     base, then --extra-epochs more of the same loss, its head with it: the control of finetune
/// joint     the loss and ALPA at once from the start, --epochs (MODE-T)
/// finetune  base, then --extra-epochs of ALPA alone (MODE-F)
const std::vector<std::string>& study_arms();

struct StudyOptions {
  TrainOptions train;  ///< of base; the others change what their line above says
  int64_t extra_epochs = 0;
  double extra_lr = 0.01;  ///< of extra and finetune, at the peak
  std::vector<uint64_t> seeds = {1, 2, 3};
  std::vector<std::string> arms;  ///< empty: all
  std::string id_test;
  std::vector<std::string> ood;  ///< "name=SPEC"
  int64_t k = 10;                ///< of both detectors
};
/// No hold-out: nothing is chosen, the last network of each run is judged.
StudyOptions study_defaults();

/// OUT/seed-N/ARM is each run's directory, with study.txt (how it began), judged.txt and scores.csv (by which sets, and how well);
/// OUT/study.csv has the scores of the last command's runs. The same command again goes on where an interrupted one stopped. It may have
/// other seeds and arms, and other sets or another K, by which the runs are then judged again; a run that was begun otherwise is refused.
int run_study(StudyOptions options);

}  // namespace mode::tools
