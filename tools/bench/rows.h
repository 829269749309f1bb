#pragma once
// What is measured: a row names one call, and says from its shapes how much work that call is.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace bench {

struct Row {
  std::string name;             ///< "conv2d/resnet18/forward/64@32"
  double flops = 0;             ///< of one call, from the shapes; a multiply-add is two
  double bytes = 0;             ///< that one call must move at least: each argument read and each result written once
  double images = 0;            ///< of one call; 0 where the row has no images
  bool memory_bound = false;    ///< held against the copy bandwidth, else against the FMA peak
  bool reports_memory = false;  ///< print the most that tensors held at once
  /// Makes the inputs and returns the call. What it captures lives as long as the row is measured.
  std::function<std::function<void()>()> prepare;
};

// One file per group.
std::vector<Row> conv2d_rows();
std::vector<Row> matmul_rows();
std::vector<Row> memory_rows();  ///< BatchNorm, softmax, add, relu, pooling
std::vector<Row> knn_rows();
std::vector<Row> alpa_rows();      ///< the ALPA objective, forward and backward
std::vector<Row> training_rows();  ///< whole training steps

/// Uniform in [-1, 1), from the tensor's shape and `seed` alone.
tensor::Tensor random_tensor(const tensor::Shape& shape, uint64_t seed);

}  // namespace bench
