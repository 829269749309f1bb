#pragma once
// The rows of mode-bench: a row is one call and its work, computed from the shapes.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace bench {

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

}  // namespace bench
