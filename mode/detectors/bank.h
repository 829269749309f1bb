#pragma once
// The feature bank: the normalized region vectors of all training images, each row with where it came from.

#include <string>
#include <vector>

#include "mode/detectors/features.h"

namespace mode {

struct Bank {
  Tensor rows;    ///< (B, E) f32, L2-normalized
  Tensor ids;     ///< i32 (B): image
  Tensor labels;  ///< i32 (B)
  Tensor scales;  ///< i32 (B): index into scale_names
  std::vector<std::string> scale_names;
  std::vector<std::string> image_names;  ///< by id
};

/// The images' vectors x / (|x| + 1e-10), (N * M, E), image by image, those scales alone (indices; none: all of them) in their order.
Tensor normalized_rows(const Features& features, const std::vector<int64_t>& scales = {});

/// Rows as normalized_rows gives them, each with where it came from.
Bank make_bank(const Features& features, const std::vector<int64_t>& scales = {});
/// Some of its rows.
Bank rows_of(const Bank& bank, const std::vector<int64_t>& rows);

enum class BankChoice {
  random,   ///< every row alike
  kcenter,  ///< each row in turn the one farthest from those chosen (Gonzalez, 1985), the first at random: outliers come early
};
/// `count` of the bank's rows, ascending; all of them where it has no more.
std::vector<int64_t> choose_rows(const Bank& bank, int64_t count, BankChoice choice, uint64_t seed);

}  // namespace mode
