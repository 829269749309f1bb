// maths    row i: m = max_{a != i} t s_ia;  log sum = m + log sum_{a != i} exp(t s_ia - m);  loss_i = log sum - mean_{p in P(i)} t s_ip
// cost     reads each row three times, from cache
// parallel a thread owns a row; the rows' losses are added in order
// numerics everything in double
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nn/contrastive_loss.h"
#include "tensor/parallel.h"

namespace nn::cpu {
namespace {

template <class T>
double loss_of_row(const T* s, const int64_t* groups, int64_t n, int64_t i, const ContrastiveOptions& options, T* ds) {
  const double t = options.inverse_temperature;
  int64_t positives = 0;
  double largest = -std::numeric_limits<double>::infinity(), pull = 0;
  for (int64_t j = 0; j < n; ++j) {
    if (j == i) continue;
    const double score = t * static_cast<double>(s[j]);
    largest = score > largest || score != score ? score : largest;  // NaN is the largest, and makes the loss NaN
    if (groups[j] != groups[i]) continue;
    ++positives;
    pull += score;
  }
  std::fill(ds, ds + n, T(0));
  if (positives == 0) return 0;
  double sum = 0;
  for (int64_t j = 0; j < n; ++j)
    if (j != i) sum += std::exp(t * static_cast<double>(s[j]) - largest);
  const double factor = options.scale * t / static_cast<double>(n), share = 1 / static_cast<double>(positives);
  for (int64_t j = 0; j < n; ++j)
    if (j != i)
      ds[j] = static_cast<T>(factor * (std::exp(t * static_cast<double>(s[j]) - largest) / sum - (groups[j] == groups[i] ? share : 0.0)));
  return largest + std::log(sum) - pull * share;
}

}  // namespace

ContrastiveResult contrastive_loss_and_grad(const Tensor& similarity, const Tensor& groups, const ContrastiveOptions& options) {
  const int64_t n = similarity.dim(0);
  ContrastiveResult result = {Tensor(), Tensor(similarity.shape(), similarity.dtype())};
  std::vector<double> losses(n);
  tensor::dispatch_floating(similarity.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* s = similarity.data<T>();
    T* ds = result.dsimilarity.data<T>();
    const int64_t* group = groups.data<int64_t>();
    tensor::parallel_for(n, 8, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) losses[i] = loss_of_row(s + i * n, group, n, i, options, ds + i * n);
    });
  });
  result.loss = Tensor::full({}, options.scale * tensor::sum_in_order(losses) / static_cast<double>(n), similarity.dtype());
  return result;
}

}  // namespace nn::cpu
