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

Peak fma_peak(int threads) {
  const double window = 0.02;               // seconds
  const int64_t rounds = int64_t{1} << 15;  // of a stretch: tens of microseconds, seldom interrupted
  const double stretch_flops = SELECT_ISA(fma_flops_per_round)() * static_cast<double>(rounds);
  const volatile float a = 0.999f, b = 0.001f;
  struct alignas(64) Slot {
    double best = 0, flops = 0;
    float result = 0;
  };
  std::vector<Slot> slots(threads);
  const double start = seconds();
  tensor::parallel_for(threads, 1, [&](int64_t thread, int64_t) {
    Slot slot;
    const double begin = seconds();
    for (double now = begin; now - begin < window;) {
      slot.result += SELECT_ISA(fma_chains)(rounds, a, b);
      const double end = seconds();
      slot.best = std::max(slot.best, stretch_flops / (end - now));
      slot.flops += stretch_flops;
      now = end;
    }
    slots[thread] = slot;
  });
  const double elapsed = seconds() - start;
  Peak peak;
  for (const Slot& slot : slots) {
    peak.fma += slot.best;
    peak.fma_sustained += slot.flops / elapsed;
    sink = slot.result;
  }
  return peak;
}

double copy_peak() {
  const int64_t bytes = int64_t{64} << 20, piece = int64_t{1} << 20;  // 64 MB, larger than the last cache of most machines
  static std::vector<char> from(bytes, 1), to(bytes, 2);
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

Peak measure_peak() {
  Peak peak = fma_peak(tensor::num_threads());
  peak.copy = copy_peak();
  return peak;
}

double measure_fma_one_thread() { return fma_peak(1).fma; }

}  // namespace bench
