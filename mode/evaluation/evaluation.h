#pragma once
// Methods x OOD sets -> the table, results.json and scores/*.csv.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mode/detectors/detectors.h"
#include "mode/evaluation/metrics.h"

namespace mode {

struct OodSet {
  std::string name;  ///< "textures"
  Features features;
};

struct Evaluation {
  double id_accuracy = 0;  ///< NaN when the ID test set has no labels
  std::vector<std::string> methods, ood_sets;
  std::vector<Scale> scales;                                      ///< of the features
  std::map<std::string, tensor::ops::Region> boxes;               ///< by scale, in pixels of the input; none where they are not known
  std::map<std::string, std::map<std::string, Metrics>> results;  ///< [method][ood set]
  std::map<std::string, Metrics> mean;                            ///< [method], over the valid sets; flagged when any is not
  std::map<std::string, std::string> settings;                    ///< [method]
  /// [set name, "id" for the ID test set][method] -> scores
  std::map<std::string, std::map<std::string, std::vector<double>>> scores;
  /// Likewise, for methods by whose regions one decides (csd): what decided each image's score.
  std::map<std::string, std::map<std::string, std::vector<Decision>>> decisions;
};

/// How often each scale decided, as shares of `decisions`, in the order of first appearance among `scales`.
std::vector<std::pair<std::string, double>> decided_by(const std::vector<Decision>& decisions, const std::vector<Scale>& scales);

/// Names of OOD sets become file names and keys: not empty, no '/', not ".", "..", "id" or "mean", no repetition. An error says which is
/// not.
void check_ood_names(const std::vector<std::string>& names);

/// Fits each detector on `train`, scores `id_test` and every OOD set.
Evaluation evaluate(const std::vector<std::string>& methods, const DetectorOptions& options, const Features& train, const Features& id_test,
                    const std::vector<OodSet>& ood);

/// The table a person reads: rows are methods, columns FPR95/AUROC in % per OOD set and their mean; then the settings and the other
/// metrics. Empty without methods or OOD sets.
std::string format_table(const Evaluation& evaluation);

/// Makes DIR and (for an evaluation of any methods) DIR/scores and sees that they can be written; an error of one line if not. Worth
/// calling before hours of work.
void prepare_report(const std::string& directory, bool with_scores = true);

/// Where the numbers of a report come from.
struct ReportContext {
  std::optional<uint64_t> seed;              ///< of the network's training; null in the file where it is not known
  std::vector<std::string> arguments;        ///< the command line, word by word
  std::map<std::string, std::string> facts;  ///< commit, model, isa ...: keys of their own
};

/// Written into DIR: results.json, scores/SET.csv (image, label, one column per method). Without OOD sets results.json holds ID accuracy
/// and context alone. An earlier report there is replaced: its results.json goes first, then the scores of sets that are not in this one.
void write_report(const std::string& directory, const Evaluation& evaluation, const Features& id_test, const std::vector<OodSet>& ood,
                  const ReportContext& context);

}  // namespace mode
