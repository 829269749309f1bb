#pragma once
// The scores of several ways to train, over seeds (mode study): one file for each run, and the tables.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mode {

/// What a run's network was worth, as fractions; NaN where there is no number.
struct RunScores {
  double knn_accuracy = 0;         ///< by the K nearest training images
  double classifier_accuracy = 0;  ///< NaN where the run trained none
  struct Detection {
    double fpr95 = 0, auroc = 0;  ///< as the papers count them
  };
  std::map<std::string, std::map<std::string, Detection>> detections;  ///< [method][set]
};

/// CSV with the header "method,set,fpr95,auroc"; the accuracies stand as rows ",neighbor-accuracy,VALUE," and ",classifier-accuracy,..".
std::string scores_to_csv(const RunScores& scores);
/// An Error of one line where `text`, of the file `path`, is none of these.
RunScores scores_from_csv(const std::string& text, const std::string& path);

struct Study {
  std::vector<std::string> arms, methods, sets;
  std::vector<uint64_t> seeds;
  std::map<std::string, std::string> epochs;                  ///< [arm]: "8 + 2"
  std::map<std::string, std::map<uint64_t, RunScores>> runs;  ///< [arm][seed], all of them
};

/// Mean and standard deviation (n - 1) of one number for each seed.
struct Spread {
  double mean = 0, deviation = 0;  ///< NaN: the deviation of a single one, and everything where a number is NaN
};
Spread spread_of(const std::vector<double>& values);

/// Accuracies; AUROC and FPR95 of each arm and method, set by set and their mean; and what was gained over what, seed by seed.
std::string format_study(const Study& study);
/// "arm,seed,method,set,fpr95,auroc" and the accuracies as in scores_to_csv.
std::string study_to_csv(const Study& study);

}  // namespace mode
