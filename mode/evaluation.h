#pragma once
// Methods x OOD sets -> the table, results.json and scores/*.csv.

#include <map>
#include <string>
#include <vector>

#include "mode/detectors.h"
#include "mode/metrics.h"

namespace mode {

struct OodSet {
  std::string name;  ///< "textures"
  Features features;
};

struct Evaluation {
  double id_accuracy = 0;  ///< NaN when the ID test set has no labels
  std::vector<std::string> methods, ood_sets;
  std::map<std::string, std::map<std::string, Metrics>> results;  ///< [method][ood set]
  std::map<std::string, Metrics> mean;                            ///< [method], over the valid sets; flagged when any is not
  std::map<std::string, std::string> settings;                    ///< [method]
  /// [set name, "id" for the ID test set][method] -> scores
  std::map<std::string, std::map<std::string, std::vector<double>>> scores;
};

/// Names of OOD sets become file names and keys: not empty, no '/', not ".", "..", "id" or "mean", no repetition. An error says which is
/// not.
void check_ood_names(const std::vector<std::string>& names);

/// Fits each detector on `train`, scores `id_test` and every OOD set.
Evaluation evaluate(const std::vector<std::string>& methods, const DetectorOptions& options, const Features& train, const Features& id_test,
                    const std::vector<OodSet>& ood);

/// The table a person reads: rows are methods, columns FPR95/AUROC in % per OOD set and their mean; then the settings and the other
/// metrics.
std::string format_table(const Evaluation& evaluation);

/// Makes DIR and DIR/scores and sees that they can be written; an error of one line if not. Worth calling before hours of work.
void prepare_report(const std::string& directory);

/// Written into DIR: results.json, scores/SET.csv (picture, label, one column per method). `context`: seed, commit, arguments ...
void write_report(const std::string& directory, const Evaluation& evaluation, const Features& id_test, const std::vector<OodSet>& ood,
                  const std::map<std::string, std::string>& context);

}  // namespace mode
