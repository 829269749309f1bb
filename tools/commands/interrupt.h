#pragma once
// Ctrl-C and SIGTERM during a training: noticed between two steps. A second one ends the process at once. Guards may stand in one another.

namespace mode::tools {

constexpr int status_interrupted = 130;  ///< what a shell reports for Ctrl-C

class InterruptGuard {
 public:
  InterruptGuard();   ///< takes over both signals
  ~InterruptGuard();  ///< gives them back
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  bool interrupted() const;
};

}  // namespace mode::tools
