#pragma once
// What the machine can do at this moment: the yardsticks that every row is held against.

namespace bench {

struct Peak {
  double fma = 0;   ///< f32 multiply-adds in registers, FLOP/s (a multiply-add is two), instruction set isa(), num_threads() threads
  double copy = 0;  ///< memory copy between buffers larger than the caches, bytes read + bytes written per second, same threads
};

/// Best of several short runs, about 60 ms in all.
Peak measure_peak();
/// The FMA peak of one thread, FLOP/s.
double measure_fma_one_thread();

}  // namespace bench
