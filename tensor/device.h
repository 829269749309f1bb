#pragma once
// Where a tensor lives, and how a call reaches the kernel for that place.

#include <cstdint>
#include <string>
#include <string_view>

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

/// An op was called on a device that it has no kernel for. The only error of its kind, so that a checker can tell it from a fault.
class NoKernel : public Error {
 public:
  explicit NoKernel(const char* op, const char* file, int line)
      : Error(std::string(op) + ": no CUDA kernel for it in this build; move the tensor to the cpu", file, line), op_(op) {}
  const char* op() const { return op_; }

 private:
  const char* op_;
};

/// "cpu", "cuda" (the first device) or "cuda:1". Anything else is an error, and so is a device that no kernel can run on.
Device parse_device(std::string_view text);
/// Whether it is one of these words; the device need not be there.
bool is_device_name(std::string_view text);

}  // namespace tensor

/// DISPATCH_DEVICE(x, relu, x, y): calls `cpu::relu(x, y)` or `cuda::relu(x, y)`, by where `x` lives.
#ifdef MODE_WITH_CUDA
#define DISPATCH_DEVICE(tensor_, op_, ...)                         \
  do {                                                             \
    if ((tensor_).device().is_cpu()) return cpu::op_(__VA_ARGS__); \
    return cuda::op_(__VA_ARGS__);                                 \
  } while (false)
#else
#define DISPATCH_DEVICE(tensor_, op_, ...) DISPATCH_CPU(tensor_, op_, __VA_ARGS__)
#endif

/// The same for an op that has no CUDA kernel.
#define DISPATCH_CPU(tensor_, op_, ...)                                                   \
  do {                                                                                    \
    if (!(tensor_).device().is_cpu()) throw ::tensor::NoKernel(#op_, __FILE__, __LINE__); \
    return cpu::op_(__VA_ARGS__);                                                         \
  } while (false)
