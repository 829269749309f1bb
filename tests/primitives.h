#pragma once
// Every primitive of a warp on given bits: what tests/test_primitives.cpp compares between a device's record and the twins.

#include <functional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace tensor::cuda {

struct PrimitiveCase {
  std::string name;
  bool rounds = false;  ///< floating-point sums, which a device adds and rounds in its own way: compared as f32 within a bound
  void (*run)(const Tensor& bits, Tensor& out) = nullptr;
};

constexpr int64_t primitive_words = 32 * 16;  ///< i32 words in and out, 16 for each lane

/// One warp each; `bits` and `out` are i32 (primitive_words) on a CUDA device. Words that a case does not write stay 0.
std::vector<PrimitiveCase> primitive_cases();

}  // namespace tensor::cuda
