#include "mode/detectors/bank.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "nn/data/readers.h"
#include "tensor/check.h"
#include "tensor/ops/l2_normalize.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"

namespace mode {

using tensor::Dtype;

Tensor normalized_rows(const Features& features, const std::vector<int64_t>& scales) {
  const int64_t n = features.size(), all = features.regions.dim(1), feature_dim = features.regions.dim(2);
  if (scales.empty()) return tensor::ops::l2_normalize(features.regions.reshape(tensor::Shape{n * all, feature_dim})).y;
  Tensor raw({n * static_cast<int64_t>(scales.size()), feature_dim});
  float* to = raw.data<float>();
  for (int64_t at = 0; at < n; ++at)
    for (const int64_t scale : scales) {
      CHECK(scale >= 0 && scale < all, "bank: scale index {}; the features have scales 0 .. {}", scale, all - 1);
      to = std::copy_n(features.regions.data<float>() + (at * all + scale) * feature_dim, feature_dim, to);
    }
  return tensor::ops::l2_normalize(raw).y;
}

Bank make_bank(const Features& features, const std::vector<int64_t>& chosen) {
  check_features(features, "the bank");
  Bank bank;
  bank.rows = normalized_rows(features, chosen);
  const int64_t rows = bank.rows.dim(0), scales = rows / features.size();
  CHECK(rows <= std::numeric_limits<int32_t>::max(), "a bank of {} rows; at most 2^31 - 1 are supported, take fewer images or scales",
        rows);
  bank.ids = Tensor({rows}, Dtype::i32);
  bank.labels = Tensor({rows}, Dtype::i32);
  bank.scales = Tensor({rows}, Dtype::i32);
  for (int64_t scale = 0; scale < scales; ++scale) {
    const int64_t index = chosen.empty() ? scale : chosen[scale];
    bank.scale_names.push_back(features.scales[index].name);
  }

  for (int64_t row = 0; row < rows; ++row) {
    const int64_t image = row / scales, id = features.ids.data<int64_t>()[image];
    CHECK(id >= 0 && id <= std::numeric_limits<int32_t>::max(), "bank: image id {}; expected 0 .. 2^31 - 1", id);
    bank.ids.data<int32_t>()[row] = static_cast<int32_t>(id);
    bank.labels.data<int32_t>()[row] = static_cast<int32_t>(features.labels.data<int64_t>()[image]);
    bank.scales.data<int32_t>()[row] = static_cast<int32_t>(row % scales);
    if (row % scales == 0) {
      if (id >= static_cast<int64_t>(bank.image_names.size())) bank.image_names.resize(id + 1);
      bank.image_names[id] = features.image_names[image];
    }
  }
  return bank;
}

Bank rows_of(const Bank& bank, const std::vector<int64_t>& rows) {
  const int64_t width = bank.rows.dim(1), count = static_cast<int64_t>(rows.size());
  Bank part = {.rows = Tensor({count, width}),
               .ids = Tensor({count}, Dtype::i32),
               .labels = Tensor({count}, Dtype::i32),
               .scales = Tensor({count}, Dtype::i32),
               .scale_names = bank.scale_names,
               .image_names = bank.image_names};
  for (int64_t at = 0; at < count; ++at) {
    const int64_t row = rows[at];
    CHECK(row >= 0 && row < bank.rows.dim(0), "bank: row index {}; the bank has rows 0 .. {}", row, bank.rows.dim(0) - 1);
    std::copy_n(bank.rows.data<float>() + row * width, width, part.rows.data<float>() + at * width);
    for (const auto& [from, to] :
         {std::pair(&bank.ids, &part.ids), std::pair(&bank.labels, &part.labels), std::pair(&bank.scales, &part.scales)})
      to->data<int32_t>()[at] = from->data<int32_t>()[row];
  }
  return part;
}

namespace {

float squared_distance(const float* a, const float* b, int64_t width) {
  float sum = 0;
  for (int64_t e = 0; e < width; ++e) sum += (a[e] - b[e]) * (a[e] - b[e]);
  return sum;
}

// Farthest-first traversal; of equally far rows the first is taken.
std::vector<int64_t> farthest_rows(const Tensor& rows, int64_t count, int64_t first) {
  const int64_t n = rows.dim(0), width = rows.dim(1);
  const float* data = rows.data<float>();
  std::vector<float> nearest(n, std::numeric_limits<float>::infinity());
  std::vector<int64_t> chosen = {first};
  while (static_cast<int64_t>(chosen.size()) < count) {
    const float* center = data + chosen.back() * width;
    tensor::parallel_for(n, 1024, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        float& distance = nearest[row];
        distance = std::min(distance, squared_distance(data + row * width, center, width));
      }
    });
    nearest[chosen.back()] = -1;  // excluded, also if only duplicates are left
    chosen.push_back(std::max_element(nearest.begin(), nearest.end()) - nearest.begin());
  }
  return chosen;
}

}  // namespace

std::vector<int64_t> choose_rows(const Bank& bank, int64_t count, BankChoice choice, uint64_t seed) {
  const int64_t all = bank.rows.dim(0);
  CHECK(count >= 1, "choose_rows: {} rows; expected at least 1", count);
  std::vector<int64_t> rows = nn::permutation(all, seed, tensor::counter_of("bank"));
  if (count < all && choice == BankChoice::kcenter) rows = farthest_rows(bank.rows, count, rows[0]);
  rows.resize(std::min(count, all));
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace mode
