#pragma once
// Scores and tables of a study: several training arms, each over several seeds (mode study).

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mode {

/// Scores of the network of one run, as fractions; NaN where a number does not exist.
struct RunScores {
  double knn_accuracy = 0;         ///< knn_accuracy (metrics.h) on the ID test set
  double classifier_accuracy = 0;  ///< NaN where the run trained no classifier
  struct Detection {
    double fpr95 = 0, auroc = 0;  ///< by the papers' definition
  };
  std::map<std::string, std::map<std::string, Detection>> detections;  ///< [method][OOD set]
};

/// CSV with the header "method,set,fpr95,auroc"; the accuracies are the rows ",neighbor-accuracy,VALUE," and ",classifier-accuracy,VALUE,".
std::string scores_to_csv(const RunScores& scores);
/// Reads `text` of the file `path`. Throws where a row is malformed or an accuracy is missing.
RunScores scores_from_csv(const std::string& text, const std::string& path);

struct Study {
  std::vector<std::string> arms, methods, sets;
  std::vector<uint64_t> seeds;
  std::map<std::string, std::string> epochs;                  ///< [arm]: "8 + 2"
  std::map<std::string, std::map<uint64_t, RunScores>> runs;  ///< [arm][seed], for every arm and seed
};

/// Mean and standard deviation (divisor n - 1) over the seeds. NaN: the deviation of one value, and both where a value is NaN.
struct Spread {
  double mean = 0, deviation = 0;
};
Spread spread_of(const std::vector<double>& values);

/// Tables of the accuracies, of AUROC and FPR95 per arm, method and set, and of the paired gains between arms.
std::string format_study(const Study& study);
/// "arm,seed,method,set,fpr95,auroc", with the accuracies as in scores_to_csv.
std::string study_to_csv(const Study& study);

}  // namespace mode
