#pragma once
// Element types, and the one place where a runtime dtype becomes a compile-time type.

#include <cstdint>
#include <cstring>
#include <string_view>

#include "tensor/check.h"
#include "tensor/math.h"

namespace tensor {

/// The upper half of an IEEE float; a struct of our own because GCC 12 has none. Arithmetic happens in float.
struct bfloat16 {
  uint16_t bits = 0;

  bfloat16() = default;
  /// Rounds to nearest, ties to even; NaN stays NaN.
  HOST_DEVICE explicit bfloat16(float value) {
    uint32_t word;
    std::memcpy(&word, &value, 4);
    const bool is_nan = (word & 0x7fffffffu) > 0x7f800000u;
    bits = is_nan ? static_cast<uint16_t>((word >> 16) | 0x40u) : static_cast<uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
  HOST_DEVICE explicit operator float() const {
    const uint32_t word = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &word, 4);
    return value;
  }
};

enum class Dtype : uint8_t { f32, f64, bf16, i32, i64, u8 };

constexpr int64_t size_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
    case Dtype::i64:
      return 8;
    case Dtype::f32:
    case Dtype::i32:
      return 4;
    case Dtype::bf16:
      return 2;
    case Dtype::u8:
      return 1;
  }
  return 0;
}

constexpr std::string_view name(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return "f32";
    case Dtype::f64:
      return "f64";
    case Dtype::bf16:
      return "bf16";
    case Dtype::i32:
      return "i32";
    case Dtype::i64:
      return "i64";
    case Dtype::u8:
      return "u8";
  }
  return "?";
}

template <class T>
constexpr Dtype dtype_of();
template <>
constexpr Dtype dtype_of<float>() {
  return Dtype::f32;
}
template <>
constexpr Dtype dtype_of<double>() {
  return Dtype::f64;
}
template <>
constexpr Dtype dtype_of<bfloat16>() {
  return Dtype::bf16;
}
template <>
constexpr Dtype dtype_of<int32_t>() {
  return Dtype::i32;
}
template <>
constexpr Dtype dtype_of<int64_t>() {
  return Dtype::i64;
}
template <>
constexpr Dtype dtype_of<uint8_t>() {
  return Dtype::u8;
}

/// Calls function(T{}) with the C++ type of `dtype`.
template <class Function>
void dispatch_any(Dtype dtype, Function&& function) {
  switch (dtype) {
    case Dtype::f32:
      return function(float{});
    case Dtype::f64:
      return function(double{});
    case Dtype::bf16:
      return function(bfloat16{});
    case Dtype::i32:
      return function(int32_t{});
    case Dtype::i64:
      return function(int64_t{});
    case Dtype::u8:
      return function(uint8_t{});
  }
}

/// The same for f32 and f64: `dispatch_floating(x.dtype(), [&](auto zero) { using T = decltype(zero); ... })`. Another dtype is an Error; an
/// op has refused it before, by check_floating, with its name.
template <class Function>
decltype(auto) dispatch_floating(Dtype dtype, Function&& function) {
  CHECK(dtype == Dtype::f32 || dtype == Dtype::f64, "expected f32 or f64, got {}; cast first", name(dtype));
  if (dtype == Dtype::f64) return function(double{});
  return function(float{});
}

}  // namespace tensor
