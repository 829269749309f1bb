#pragma once
// Where a tensor lives, and how a call reaches the kernel for that place.

#include <cstdint>
#include <string>

#include "tensor/check.h"

namespace tensor {

struct Device {
  enum class Kind : uint8_t { cpu, cuda };
  Kind kind = Kind::cpu;
  int index = 0;

  bool operator==(const Device& other) const { return kind == other.kind && index == other.index; }
  bool is_cpu() const { return kind == Kind::cpu; }
  std::string to_string() const { return is_cpu() ? "cpu" : "cuda:" + std::to_string(index); }
};

}  // namespace tensor

/// DISPATCH_DEVICE(x, relu, x, y): calls `cpu::relu(x, y)` or `cuda::relu(x, y)`, by where `x` lives.
#define DISPATCH_DEVICE(tensor_, op_, ...)                                                                \
  do {                                                                                                    \
    CHECK((tensor_).device().is_cpu(), #op_ ": this build has no CUDA kernels; use a tensor on the cpu"); \
    return cpu::op_(__VA_ARGS__);                                                                         \
  } while (false)
