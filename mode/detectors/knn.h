#pragma once
// Exact nearest neighbors by brute force.
//
// maths    d[q,b] = |query_q - bank_b|^2, squared L2; per query the K smallest, ascending, ties by row
// shapes   queries (Q,E), bank (B,E) f32, 1 <= K <= min(B, 1024), 1 <= E <= 65536; squared norms up to 1e37; no NaN
// cost     2 Q B E flop; the distance matrix exists only in tiles that fit the registers; scratch stated in knn_cpu.cpp

#include "tensor/tensor.h"

namespace mode {

struct KnnResult {
  tensor::Tensor distances;  ///< (Q, K) f32: differences squared and summed in double, then rounded once
  tensor::Tensor rows;       ///< i64 (Q, K)
};
KnnResult knn(const tensor::Tensor& queries, const tensor::Tensor& bank, int64_t k);

namespace naive {
/// All distances in double, sorted.
KnnResult knn(const tensor::Tensor& queries, const tensor::Tensor& bank, int64_t k);
}  // namespace naive

}  // namespace mode
