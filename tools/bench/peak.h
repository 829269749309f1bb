#pragma once
// The machine's peaks at this moment, with which every row is compared.

namespace bench {

struct Peak {
  /// FLOP/s of f32 multiply-adds in registers (two FLOP each), instruction set isa(): the sum over num_threads() concurrent threads of each
  /// thread's fastest of many short stretches. An estimate of the processor without other programs.
  double fma = 0;
  /// FLOP/s of the same work over its whole wall time; other programs make it smaller than `fma`.
  double fma_sustained = 0;
  /// Memory copy between buffers larger than the caches, bytes read + bytes written per second, same threads.
  double copy = 0;
};

/// About 20 ms of multiply-adds, and some copies of 64 MB.
Peak measure_peak();
/// `fma` of one thread.
double measure_fma_one_thread();

}  // namespace bench
