#pragma once
// Detectors on an ID test set and several OOD sets. Tables: tables.h. Files: results.h.

#include <map>
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
  double id_accuracy = 0;  ///< NaN when an ID test image has no label
  std::vector<std::string> methods, ood_sets;
  std::vector<Scale> scales;                                      ///< of the features
  std::map<std::string, Region> boxes;                            ///< [scale], in pixels of the input; empty where unknown
  std::map<std::string, std::map<std::string, Metrics>> results;  ///< [method][ood set]
  std::map<std::string, Metrics> mean;                            ///< [method], over the valid sets; flagged when one is not valid
  std::map<std::string, std::string> settings;                    ///< [method]
  /// [ood set, or "id" for the ID test set][method], one score per image
  std::map<std::string, std::map<std::string, std::vector<double>>> scores;
  /// [ood set, or "id"][method], one decision per image; only methods that compare regions (knn, csd)
  std::map<std::string, std::map<std::string, std::vector<Decision>>> decisions;
};

/// Fits each detector on `train`, then scores `id_test` and every OOD set. Throws where a method is unknown or named twice.
Evaluation evaluate(const std::vector<std::string>& methods, const DetectorOptions& options, const Features& train, const Features& id_test,
                    const std::vector<OodSet>& ood);

/// Sets of scales that `options` needs extracted: csd's, and "global" for knn.
std::vector<std::string> scale_sets_of(const DetectorOptions& options);
/// Throws where a method's K exceeds the bank of `images` training images. The size of the network's last feature map suffices, so that this
/// is known before any feature is extracted. `input_size` is the edge of the input, in pixels.
void check_banks(const std::vector<std::string>& methods, const DetectorOptions& options, const nn::ResNet& net, int64_t input_size,
                 int64_t images);

/// Why the classifier of a network cannot be evaluated: "untrained (loss supcon)", "stale (...)"; empty where it can.
std::string classifier_fault(const nn::Checkpoint& checkpoint);
/// Whether a method scores by logits (msp, maxlogit, energy), not by features (knn, csd).
bool needs_classifier(const std::string& method);

/// Names of OOD sets become file names and keys. Throws where one is empty, ".", "..", "id" or "mean", contains '/', or occurs twice.
void check_ood_names(const std::vector<std::string>& names);

/// Share of `decisions` made by each scale, in the order of `scales`; scales without decisions are left out.
std::vector<std::pair<std::string, double>> decided_by(const std::vector<Decision>& decisions, const std::vector<Scale>& scales);

}  // namespace mode
