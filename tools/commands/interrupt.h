#pragma once
// Ctrl-C and SIGTERM during training: the trainer stops after the current step. A second signal ends the process. Guards may nest.

namespace mode::tools {

constexpr int status_interrupted = 130;  ///< exit status of shells for Ctrl-C

class InterruptGuard {
 public:
  InterruptGuard();   ///< installs the handlers
  ~InterruptGuard();  ///< restores the previous handlers
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  bool interrupted() const;
};

}  // namespace mode::tools
