#include "mode/detectors/knn.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "tensor/check.h"
#include "tensor/device.h"

namespace mode {

using tensor::Tensor;

namespace {

void check_arguments(const Tensor& queries, const Tensor& bank, int64_t k) {
  CHECK(queries.rank() == 2 && bank.rank() == 2 && queries.dim(1) == bank.dim(1),
        "knn: expected queries (Q, E) and bank (B, E), got {} and {}; extract both with one network", queries.shape().to_string(),
        bank.shape().to_string());
  CHECK(queries.dtype() == tensor::Dtype::f32 && bank.dtype() == tensor::Dtype::f32,
        "knn: expected queries and bank in f32, got {} and {}; cast them first", tensor::name(queries.dtype()), tensor::name(bank.dtype()));
  tensor::check_same_device("knn", {"queries", queries}, {"bank", bank});
  CHECK(bank.dim(1) >= 1 && bank.dim(1) <= 65536, "knn: bank {} has feature dimension {}; expected 1 .. 65536", bank.shape().to_string(),
        bank.dim(1));
  CHECK(k >= 1 && k <= 1024, "knn: K = {}; expected 1 .. 1024", k);
  CHECK(k <= bank.dim(0), "knn: K = {}, but the bank has only {} rows; lower K or fill the bank", k, bank.dim(0));
}

}  // namespace

KnnResult knn(const Tensor& queries, const Tensor& bank, int64_t k) {
  check_arguments(queries, bank, k);
  DISPATCH_CPU(queries, knn, queries, bank, k);
}

KnnResult naive::knn(const Tensor& queries, const Tensor& bank, int64_t k) {
  check_arguments(queries, bank, k);
  const int64_t query_count = queries.dim(0), bank_count = bank.dim(0), feature_dim = bank.dim(1);
  KnnResult result = {Tensor({query_count, k}, tensor::Dtype::f32), Tensor({query_count, k}, tensor::Dtype::i64)};
  std::vector<std::pair<double, int64_t>> neighbors(bank_count);  // (distance, row): sorted by distance, ties by row
  for (int64_t query = 0; query < query_count; ++query) {
    for (int64_t row = 0; row < bank_count; ++row)
      neighbors[row] = {squared_distance(queries.data<float>() + query * feature_dim, bank.data<float>() + row * feature_dim, feature_dim),
                        row};
    std::sort(neighbors.begin(), neighbors.end());
    for (int64_t at = 0; at < k; ++at) {
      result.distances.data<float>()[query * k + at] = static_cast<float>(neighbors[at].first);
      result.rows.data<int64_t>()[query * k + at] = neighbors[at].second;
    }
  }
  return result;
}

}  // namespace mode
