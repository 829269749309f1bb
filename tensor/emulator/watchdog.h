#pragma once
// Aborts the program with the name of the block when a kernel does not end. It measures the launching thread's CPU time, so a debugger's
// halt does not count.

namespace tensor::emulator {

/// Lives as long as the kernel runs.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
};

}  // namespace tensor::emulator
