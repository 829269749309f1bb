#pragma once
// One line of progress: redrawn in place on a terminal, a plain line every ten seconds in a file or pipe.

#include <chrono>
#include <cstdint>
#include <string>

namespace mode::tools {

class Progress {
 public:
  /// `label` begins the line; `total` units named `unit` ("images"), of which `done` are complete (resume). Starts the clock.
  Progress(std::string label, int64_t total, std::string unit, int64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `detail` follows the rate. `seconds_left`: estimate of the caller; negative: computed from this line's rate.
  void update(int64_t done, const std::string& detail = {}, double seconds_left = -1);
  /// Replaces the line by `summary` and a newline; an empty summary removes it.
  void finish(const std::string& summary);

  double seconds() const;
  /// Units per second since the start, 0 at first.
  double rate() const;

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_, unit_;
  int64_t total_, first_, done_;
  bool terminal_, drawn_ = false;
  Clock::time_point start_, last_;
};

}  // namespace mode::tools
