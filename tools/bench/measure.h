#pragma once
// The rows of mode-bench, and their measurement under Google Benchmark with the machine's peaks just before and just after each row.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tensor/tensor.h"
#include "tools/bench/peak.h"

namespace bench {

/// One call and its work, computed from the shapes.
struct Row {
  std::string name;             ///< "conv2d/resnet18/forward/64@32"
  double flops = 0;             ///< of one call, from the shapes; a multiply-add is two
  double bytes = 0;             ///< least memory traffic of one call: each argument read once, each result written once
  double images = 0;            ///< of one call; 0 for rows without images
  bool memory_bound = false;    ///< compared with the copy bandwidth, else with the FMA peak
  bool reports_memory = false;  ///< print the peak tensor memory
  /// Makes the inputs and returns the call, whose captures live as long as the measurement.
  std::function<std::function<void()>()> prepare;
};

// One file rows_GROUP.cpp per group.
std::vector<Row> conv2d_rows();
std::vector<Row> matmul_rows();
std::vector<Row> memory_rows();  ///< BatchNorm, softmax, add, relu, pooling
std::vector<Row> knn_rows();
std::vector<Row> alpa_rows();      ///< the ALPA objective, forward and backward
std::vector<Row> training_rows();  ///< whole training steps

/// Uniform in [-1, 1); a function of the shape and `seed`.
tensor::Tensor random_tensor(const tensor::Shape& shape, uint64_t seed);

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
