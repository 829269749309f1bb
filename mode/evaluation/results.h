#pragma once
// Files of an evaluation: results.json and scores/SET.csv.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mode/evaluation/evaluation.h"

namespace mode {

/// Makes `directory` and, with_scores, its folder scores/, and checks that they can be written. Throws an error of one line; call it before
/// hours of work.
void prepare_report(const std::string& directory, bool with_scores = true);

/// Provenance of a report's numbers.
struct ReportContext {
  std::optional<uint64_t> seed;              ///< of the network's training; null in the file where unknown
  std::vector<std::string> arguments;        ///< words of the command line
  std::map<std::string, std::string> facts;  ///< further keys of results.json: commit, model, isa ...
};

/// Seed, hash of the weights, arch, commit and instruction set of a network read from `path`.
ReportContext context_of(const nn::LoadedModel& model, const std::string& path);

/// Writes results.json and scores/SET.csv (image, label, one column per method) into `directory`. Without OOD sets results.json holds the
/// ID accuracy and the context only. An earlier report there is replaced: its results.json is removed first, then its score files.
void write_report(const std::string& directory, const Evaluation& evaluation, const Features& id_test, const std::vector<OodSet>& ood,
                  const ReportContext& context);

}  // namespace mode
