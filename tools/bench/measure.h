#pragma once
// Runs rows under Google Benchmark, with the machine's peaks measured just before and just after each.

#include <string>
#include <vector>

#include "tools/bench/peak.h"
#include "tools/bench/rows.h"

namespace bench {

struct Settings {
  double min_seconds = 0.3;  ///< of each repetition
  int repetitions = 3;       ///< the median counts
};

struct Measurement {
  Row row;
  double seconds = 0;       ///< of one call, median of the repetitions
  double best_seconds = 0;  ///< the fastest repetition
  Peak before{}, after{};
  int64_t peak_bytes = 0;  ///< peak tensor memory during a call, inputs included

  double fma() const { return std::max(before.fma, after.fma); }
  double copy() const { return std::max(before.copy, after.copy); }
  /// The percentages are meaningless: the row's peak moved by more than 10 % during the row, or other programs took more than a fifth of
  /// the processor just before or just after it.
  bool is_void() const;
  double percent_of_peak() const;  ///< of the FMA peak; of the copy bandwidth for memory-bound rows
  /// max(flops / FMA peak, bytes / copy bandwidth) as a share of the time taken.
  double percent_of_roofline() const;
};

Measurement measure(const Row& row, const Settings& settings, const Peak& before);

std::string table_header();
std::string table_line(const Measurement& measurement);
/// `one_thread`: FMA peak of one thread.
std::string to_json(const std::vector<Measurement>& measurements, const Settings& settings, double one_thread);

}  // namespace bench
