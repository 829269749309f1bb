#pragma once
// The feature bank: the normalised region vectors of all training pictures, each row with where it came from.

#include <string>
#include <vector>

#include "mode/features.h"

namespace mode {

struct Bank {
  Tensor rows;    ///< (B, E) f32, L2-normalised
  Tensor norms;   ///< (B): squared L2 norm of each row (about 1)
  Tensor ids;     ///< i32 (B): picture
  Tensor labels;  ///< i32 (B)
  Tensor scales;  ///< i32 (B): index into scale_names
  std::vector<std::string> scale_names;
  std::vector<std::string> picture_names;  ///< by id
};

/// The pictures' vectors x / (|x| + 1e-10), (N * M, E), picture by picture, scales in order. `scale_limit` as below.
Tensor normalised_rows(const Features& features, int64_t scale_limit = 0);

/// Rows picture by picture, scales in order; `scale_limit` = 1 keeps the global vector alone, 0 all.
Bank make_bank(const Features& features, int64_t scale_limit = 0);

}  // namespace mode
