#pragma once
// The feature bank: the normalized vectors of all training images, each row with its image, label and scale (mode/README.md, eq. (12)).

#include <string>
#include <vector>

#include "mode/detectors/features.h"

namespace mode {

struct Bank {
  Tensor rows;    ///< (B, E) f32, L2-normalized
  Tensor ids;     ///< i32 (B): image id
  Tensor labels;  ///< i32 (B)
  Tensor scales;  ///< i32 (B): index into scale_names
  std::vector<std::string> scale_names;
  std::vector<std::string> image_names;  ///< indexed by image id
};

/// The vectors x / (|x| + 1e-10) of the images, (N * M, E), image by image; `scales` are indices into features.scales, empty for all.
Tensor normalized_rows(const Features& features, const std::vector<int64_t>& scales = {});

/// A bank of normalized_rows(features, scales).
Bank make_bank(const Features& features, const std::vector<int64_t>& scales = {});
/// The bank of the rows with these indices.
Bank rows_of(const Bank& bank, const std::vector<int64_t>& rows);

enum class BankChoice {
  random,   ///< uniform
  kcenter,  ///< farthest-first traversal from a random row (Gonzalez, 1985): outliers are chosen early
};
/// Indices of min(count, B) rows, ascending.
std::vector<int64_t> choose_rows(const Bank& bank, int64_t count, BankChoice choice, uint64_t seed);

}  // namespace mode
