#pragma once
// Every command of the binary: its options and the function that runs it. A run_* function returns the exit status and throws
// tensor::Error (status 1) or UsageError (status 2). The command line is read in arguments.cpp and arguments_training.cpp.

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "mode/detectors/detectors.h"
#include "mode/evaluation/probe.h"
#include "mode/report/sheet.h"
#include "mode/training/options.h"

namespace mode::tools {

/// The command of the command line with its options, or the text of --help or --version; calling it returns the exit status.
/// Throws UsageError for an invalid command line.
std::function<int()> parse_arguments(int argc, char** argv);

// -- train and finetune: a run of the trainer, mode/training/trainer.h (train.cpp) --

/// Returns 0, or status_interrupted (interrupt.h) after Ctrl-C, with the state saved.
int run_train(const TrainOptions& options);
/// ALPA alone, from the network in options.from (MODE-F).
int run_finetune(const TrainOptions& options);

// -- study: base training, further training and ALPA compared over seeds (study.cpp) --

/// base      the loss alone, --epochs
/// extra     base, then --extra-epochs of the same loss with the same projection head: the control of finetune
/// joint     the loss and ALPA from the start, --epochs (MODE-T)
/// finetune  base, then --extra-epochs of ALPA alone (MODE-F)
const std::vector<std::string>& study_arms();

struct StudyOptions {
  TrainOptions train;  ///< options of base; the other arms differ as listed above
  int64_t extra_epochs = 0;
  double extra_lr = 0.01;  ///< peak learning rate of extra and finetune
  std::vector<uint64_t> seeds = {1, 2, 3};
  std::vector<std::string> arms;  ///< empty: all
  std::string id_test;
  std::vector<std::string> ood;  ///< "name=SPEC"
  int64_t k = csd_default_k;     ///< of both detectors
};
/// No validation split: the last network of each run is scored.
StudyOptions study_defaults();

/// OUT/seed-N/ARM is the directory of one run, with study.txt (its settings), judged.txt (the test sets) and scores.csv; OUT/study.csv
/// holds the scores of the last command. The same command resumes an interrupted study, also with other seeds, arms, test sets or K
/// (runs are scored again). A run with other training settings is an error.
int run_study(const StudyOptions& options);

// -- eval: accuracy and out-of-distribution scores of a network (eval.cpp) --

struct EvalOptions {
  std::string model;
  std::string id;                    ///< training images: the bank of knn and csd
  std::string id_test;               ///< empty: `id` itself
  std::vector<std::string> ood;      ///< "name=SPEC"
  std::vector<std::string> methods;  ///< empty or "all": all
  std::string out;                   ///< directory of the report; empty: none
  std::string arch;                  ///< for weights without metadata
  std::vector<double> mean, std;     ///< for weights without metadata
  int64_t csd_k = csd_default_k, knn_k = knn_default_k;
  std::vector<std::string> csd_scales;  ///< sets of scales (mode/detectors/regions.h); empty: the standard one of the architecture
  std::string csd_match = "cross";      ///< or "same"
  std::string csd_reduce = "min";       ///< or "mean", "max"
  int64_t bank_rows = 0;                ///< size of csd's bank; 0: all rows
  std::string bank_choice = "random";   ///< or "kcenter"
  int64_t batch = 256;
  std::string device = "cpu";
  int threads = 0;
  std::vector<std::string> command_line;  ///< recorded in the report
};
int run_eval(const EvalOptions& options);

// -- ablate: one choice of csd varied at a time, on features extracted once (ablate.cpp) --

struct AblateOptions {
  std::string model;
  std::string id;                 ///< training images: the bank
  std::string id_test;            ///< in-distribution test images
  std::vector<std::string> ood;   ///< "name=SPEC"
  std::string out;                ///< CSV file of the table; empty: none
  std::string arch;               ///< for weights without metadata
  std::vector<double> mean, std;  ///< for weights without metadata
  int64_t k = csd_default_k;      ///< while another choice is varied
  uint64_t seed = 1;              ///< of random banks
  int64_t batch = 256;
  std::string device = "cpu";
  int threads = 0;
};
int run_ablate(const AblateOptions& options);

// -- explain: ALPA's attention between two images, or the training regions nearest to one image (explain.cpp) --

struct ExplainOptions {
  std::vector<std::string> images;  ///< files: two for the attention, one for its nearest training regions
  std::string model;                ///< a network without ALPA's heads; or
  std::string run;                  ///< folder of a run trained with ALPA
  std::string out;                  ///< the PNG
  // two images
  int64_t grid = 0;  ///< 0: the run's, else ALPA's default
  double temperature = 0.1;
  std::string direction = "both";  ///< "ab", "ba"
  bool stretch = false;            ///< colors of each tile span its own least to largest attention
  // one image
  std::string id;  ///< the training images
  int64_t k = csd_default_k;
  int64_t nearest = 5;              ///< training regions in the PNG
  std::vector<std::string> scales;  ///< sets of scales; empty: csd's
  int64_t batch = 256;
  std::string arch;               ///< for weights without metadata
  std::vector<double> mean, std;  ///< for weights without metadata
  std::string device = "cpu";
  int threads = 0;
  std::set<std::string> given;  ///< options present on the command line, as "grid"
};
int run_explain(const ExplainOptions& options);

// -- features: region vectors, logits and labels in a file (features.cpp) --

struct FeaturesOptions {
  std::string model, data, out;
  std::string arch;               ///< for weights without metadata
  std::vector<double> mean, std;  ///< for weights without metadata
  int64_t batch = 256;
  std::string device = "cpu";
  int threads = 0;
};
/// Writes the tensors regions (N, M, E), labels (N), ids (N) and logits (N, classes); metadata: scales, data, hash of the weights, arch.
int run_features(const FeaturesOptions& options);

// -- probe: linear classifier on frozen features, and k-NN accuracy (probe.cpp) --

struct ProbeCommandOptions {
  std::string model, data;
  std::string test;               ///< labeled test images; empty: none
  std::string out;                ///< the network with the probe as its classifier; empty: not written
  std::string arch;               ///< for weights without metadata
  std::vector<double> mean, std;  ///< for weights without metadata
  ProbeOptions probe;
  int64_t k = knn_default_k;
  std::string device = "cpu";
  int threads = 0;
};
int run_probe(const ProbeCommandOptions& options);

// -- info: description of a network, a weights file or a dataset; without options, of this program (info.cpp) --

struct InfoOptions {
  std::string arch, model, data;
  int64_t size = 32;     ///< edge of the input for --arch and --data
  int64_t classes = 10;  ///< for --arch
  std::string stem;      ///< for --arch: cifar or imagenet; empty: cifar
  std::string shortcut;  ///< for --arch: a or projection; empty: the standard one of the architecture
  std::string dot;       ///< file of the network's graph; "-": stdout, without other output
  std::vector<double> mean, std;
  std::string device = "cpu";
  SheetOptions sheet;     ///< for --data; no path: none
  int64_t read_size = 0;  ///< edge at which --data is read, for --sheet; 0: `size`
};
int run_info(const InfoOptions& options);
/// The output of `mode --version`.
std::string version_text();

// -- gradcheck: gradients of every op against central differences, on every path of this machine (gradcheck*.cpp) --

struct GradcheckOptions {
  std::string op;              ///< only this op; empty: all
  std::string explain;         ///< this op alone, with its formulas and every number of one case
  std::string case_name;       ///< for explain: part of the case's name; empty: a small case
  std::string device = "cpu";  ///< or cuda, cuda:N: ops without a kernel there are listed last
};
/// Prints the table. Returns 0 where all cases passed, 1 where one failed or none ran. An unknown op or device is a UsageError.
int run_gradcheck(const GradcheckOptions& options);
/// Formulas, inputs and every derivative, by backward and by differences. Returns 0 where the case passes, else 1.
int run_gradcheck_explain(const GradcheckOptions& options);

// -- demo: train, detect and print the table, on synthetic images (demo.cpp) --

struct DemoOptions {
  std::string out = "runs/demo";  ///< replaces an earlier demo; any other run there is an error
  std::string arch = "resnet8";
  int64_t epochs = 10;
  uint64_t seed = 1;
  std::string device = "cpu";
  int threads = 0;
  std::vector<std::string> command_line;  ///< recorded in the report
};
int run_demo(const DemoOptions& options);

}  // namespace mode::tools
