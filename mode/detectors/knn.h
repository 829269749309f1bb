#pragma once
// Exact k-nearest-neighbor search by brute force (mode/README.md, eq. (14)).
//
// maths    d[q,b] = |query_q - bank_b|^2, squared L2; per query the K smallest, ascending, ties by row
// shapes   queries (Q,E), bank (B,E) f32 -> distances, rows (Q,K); 1 <= K <= min(B, 1024), 1 <= E <= 65536; squared norms up to 1e37; no NaN
// cost     2 Q B E FLOP; distances exist only in register tiles, never as a matrix

#include "tensor/tensor.h"

namespace mode {

struct KnnResult {
  tensor::Tensor distances;  ///< (Q, K) f32: squared differences, summed in double and rounded once
  tensor::Tensor rows;       ///< i64 (Q, K), indices into the bank
};
KnnResult knn(const tensor::Tensor& queries, const tensor::Tensor& bank, int64_t k);

namespace cpu {
decltype(mode::knn) knn;
}  // namespace cpu

namespace naive {
/// All distances in double, sorted.
KnnResult knn(const tensor::Tensor& queries, const tensor::Tensor& bank, int64_t k);
}  // namespace naive

/// |a - b|^2 of two vectors in double: the one formula of the distances that both searches report, so that their bits are equal.
double squared_distance(const float* a, const float* b, int64_t feature_dim);

}  // namespace mode
