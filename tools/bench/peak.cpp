#include "tools/bench/peak.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tensor/isa.h"
#include "tensor/parallel.h"

namespace bench {
namespace {

#define KERNEL_FILE "tools/bench/peak_kernel.inl"
#include "tensor/for_each_isa.h"

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

volatile float sink;  // the results go here, so that they are needed

double fma_peak(int threads) {
  const double flops_per_round = SELECT_ISA(fma_flops_per_round)();
  const int64_t rounds = 1 << 17;
  const volatile float a = 0.999f, b = 0.001f;
  std::vector<float> results(static_cast<size_t>(threads) * 16);  // a cache line each
  double best = 0;
  for (int repetition = 0; repetition < 12; ++repetition) {
    const double start = seconds();
    tensor::parallel_for(threads, 1,
                         [&](int64_t begin, int64_t) { results[static_cast<size_t>(begin) * 16] = SELECT_ISA(fma_chains)(rounds, a, b); });
    best = std::max(best, threads * rounds * flops_per_round / (seconds() - start));
  }
  for (const float result : results) sink = result;
  return best;
}

double copy_peak() {
  const int64_t bytes = int64_t{64} << 20, piece = int64_t{1} << 20;  // 64 MB, larger than the last cache of most machines
  static std::vector<char> from(static_cast<size_t>(bytes), 1), to(static_cast<size_t>(bytes), 2);
  double best = 0;
  for (int repetition = 0; repetition < 3; ++repetition) {
    const double start = seconds();
    tensor::parallel_for(bytes, piece, [&](int64_t begin, int64_t end) { std::memcpy(&to[begin], &from[begin], end - begin); });
    best = std::max(best, 2.0 * static_cast<double>(bytes) / (seconds() - start));
  }
  sink = to[0];
  return best;
}

}  // namespace

Peak measure_peak() { return {fma_peak(tensor::num_threads()), copy_peak()}; }

double measure_fma_one_thread() { return fma_peak(1); }

}  // namespace bench
