#pragma once
// What the machine can do at this moment: the yardsticks that every row is held against.

namespace bench {

struct Peak {
  /// f32 multiply-adds in registers (a multiply-add is two FLOP), FLOP/s, instruction set isa(): each of num_threads() threads times many
  /// short stretches side by side; the sum of the threads' fastest stretches. It is what the processor could do, whoever else wants it.
  double fma = 0;
  /// The same work over the same wall time: less than `fma` by what others took meanwhile.
  double fma_sustained = 0;
  /// Memory copy between buffers larger than the caches, bytes read + bytes written per second, same threads.
  double copy = 0;
};

/// About 20 ms of multiply-adds, and some copies of 64 MB.
Peak measure_peak();
/// `fma` of one thread.
double measure_fma_one_thread();

}  // namespace bench
