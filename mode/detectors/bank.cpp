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
  const int64_t n = features.size(), all = features.regions.dim(1), width = features.regions.dim(2);
  if (scales.empty()) return tensor::ops::l2_normalize(features.regions.reshape(tensor::Shape{n * all, width})).y;
  Tensor raw({n * static_cast<int64_t>(scales.size()), width});
  float* to = raw.data<float>();
  for (int64_t at = 0; at < n; ++at)
    for (const int64_t scale : scales) {
      CHECK(scale >= 0 && scale < all, "scale {} of features that have {}", scale, all);
      to = std::copy_n(features.regions.data<float>() + (at * all + scale) * width, width, to);
    }
  return tensor::ops::l2_normalize(raw).y;
}

Bank make_bank(const Features& features, const std::vector<int64_t>& chosen) {
  check_features(features, "the bank");
  Bank bank;
  bank.rows = normalized_rows(features, chosen);
  const int64_t rows = bank.rows.dim(0), scales = rows / features.size();
  CHECK(rows <= std::numeric_limits<int32_t>::max(), "a bank of {} rows; at most 2^31 - 1 are counted", rows);
  bank.ids = Tensor({rows}, Dtype::i32);
  bank.labels = Tensor({rows}, Dtype::i32);
  bank.scales = Tensor({rows}, Dtype::i32);
  for (int64_t scale = 0; scale < scales; ++scale) {
    const int64_t index = chosen.empty() ? scale : chosen[scale];
    bank.scale_names.push_back(features.scales[index].name);
  }

  for (int64_t row = 0; row < rows; ++row) {
    const int64_t image = row / scales, id = features.ids.data<int64_t>()[image];
    CHECK(id >= 0 && id <= std::numeric_limits<int32_t>::max(), "image id {} is outside 0 .. 2^31 - 1", id);
    bank.ids.data<int32_t>()[row] = static_cast<int32_t>(id);
    bank.labels.data<int32_t>()[row] = static_cast<int32_t>(features.labels.data<int64_t>()[image]);
    bank.scales.data<int32_t>()[row] = static_cast<int32_t>(row % scales);
    if (row % scales == 0) {
      if (static_cast<size_t>(id) >= bank.image_names.size()) bank.image_names.resize(static_cast<size_t>(id) + 1);
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
    CHECK(row >= 0 && row < bank.rows.dim(0), "row {} of a bank of {}", row, bank.rows.dim(0));
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

// Farthest-first traversal; ties go to the smaller row.
std::vector<int64_t> farthest_rows(const Tensor& rows, int64_t count, int64_t first) {
  const int64_t n = rows.dim(0), width = rows.dim(1);
  const float* data = rows.data<float>();
  std::vector<float> nearest(static_cast<size_t>(n), std::numeric_limits<float>::infinity());
  std::vector<int64_t> chosen = {first};
  while (static_cast<int64_t>(chosen.size()) < count) {
    const float* center = data + chosen.back() * width;
    tensor::parallel_for(n, 1024, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        float& distance = nearest[row];
        distance = std::min(distance, squared_distance(data + row * width, center, width));
      }
    });
    nearest[chosen.back()] = -1;  // never again, also where all that is left are its equals
    chosen.push_back(std::max_element(nearest.begin(), nearest.end()) - nearest.begin());
  }
  return chosen;
}

}  // namespace

std::vector<int64_t> choose_rows(const Bank& bank, int64_t count, BankChoice choice, uint64_t seed) {
  const int64_t all = bank.rows.dim(0);
  CHECK(count >= 1, "{} rows of a bank; at least 1 is needed", count);
  std::vector<int64_t> rows = nn::permutation(all, seed, tensor::counter_of("bank"));
  if (count < all && choice == BankChoice::kcenter) rows = farthest_rows(bank.rows, count, rows[0]);
  rows.resize(static_cast<size_t>(std::min(count, all)));
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace mode
