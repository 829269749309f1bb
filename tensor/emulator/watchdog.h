#pragma once
// Ends the program, with the name of the block, when a kernel does not end. Time is the launching thread's CPU time, so that a debugger's
// halt does not count.

namespace tensor::emulator {

/// One lives while a kernel runs.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
};

}  // namespace tensor::emulator
