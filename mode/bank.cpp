#include "mode/bank.h"

#include <algorithm>
#include <limits>

#include "tensor/check.h"
#include "tensor/ops/l2_normalize.h"

namespace mode {

using tensor::Dtype;

Tensor normalised_rows(const Features& features, int64_t scale_limit) {
  const int64_t n = features.size(), scales = features.regions.dim(1), width = features.regions.dim(2);
  CHECK(scale_limit >= 0 && scale_limit <= scales, "{} scales asked for, the features have {}", scale_limit, scales);
  const int64_t kept = scale_limit == 0 ? scales : scale_limit;
  if (kept == scales) return tensor::ops::l2_normalize(features.regions.reshape(tensor::Shape{n * scales, width})).y;
  Tensor raw({n * kept, width});
  for (int64_t at = 0; at < n; ++at)
    std::copy_n(features.regions.data<float>() + at * scales * width, kept * width, raw.data<float>() + at * kept * width);
  return tensor::ops::l2_normalize(raw).y;
}

Bank make_bank(const Features& features, int64_t scale_limit) {
  check_features(features, "the bank");
  Bank bank;
  bank.rows = normalised_rows(features, scale_limit);
  const int64_t rows = bank.rows.dim(0), width = bank.rows.dim(1), scales = rows / features.size();
  CHECK(rows <= std::numeric_limits<int32_t>::max(), "a bank of {} rows; at most 2^31 - 1 are counted", rows);
  bank.norms = Tensor({rows});
  bank.ids = Tensor({rows}, Dtype::i32);
  bank.labels = Tensor({rows}, Dtype::i32);
  bank.scales = Tensor({rows}, Dtype::i32);
  for (int64_t scale = 0; scale < scales; ++scale) bank.scale_names.push_back(features.scales[static_cast<size_t>(scale)].name);

  const float* data = bank.rows.data<float>();
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t picture = row / scales, id = features.ids.data<int64_t>()[picture];
    CHECK(id >= 0 && id <= std::numeric_limits<int32_t>::max(), "picture id {} is outside 0 .. 2^31 - 1", id);
    double norm = 0;
    for (int64_t e = 0; e < width; ++e) norm += static_cast<double>(data[row * width + e]) * static_cast<double>(data[row * width + e]);
    bank.norms.data<float>()[row] = static_cast<float>(norm);
    bank.ids.data<int32_t>()[row] = static_cast<int32_t>(id);
    bank.labels.data<int32_t>()[row] = static_cast<int32_t>(features.labels.data<int64_t>()[picture]);
    bank.scales.data<int32_t>()[row] = static_cast<int32_t>(row % scales);
    if (row % scales == 0) {
      if (static_cast<size_t>(id) >= bank.picture_names.size()) bank.picture_names.resize(static_cast<size_t>(id) + 1);
      bank.picture_names[static_cast<size_t>(id)] = features.picture_names[static_cast<size_t>(picture)];
    }
  }
  return bank;
}

}  // namespace mode
