#pragma once
// exp for kernels: one formula that the compiler vectorizes and that runs on every device.
//
// maths    exp(x) = 2^n exp(r),  n = round(x / ln 2),  r = x - n ln 2 in [-ln 2 / 2, ln 2 / 2];  exp(r) by a polynomial of degree 6
// cost     about 20 flop, no table, no branch
// numerics f32: less than 1 unit in the last place on the whole range (tests/test_exp.cpp). Results that are denormal are kept, not
//          flushed: within 1 unit of 2^-149. exp(-inf) = 0, exp(inf) = inf, above 88.7228394 inf, below -103.972084 zero; NaN stays NaN.
//          f64: std::exp.

#include <cmath>
#include <cstdint>
#include <cstring>

#include "tensor/math.h"

namespace tensor::ops {

struct Exp {
  HOST_DEVICE double operator()(double x) const { return std::exp(x); }

  HOST_DEVICE float operator()(float x) const {
    // Comparisons that are false for NaN, so that it passes. Beyond these bounds the scaling below gives inf and 0 by itself.
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits of the sum.
    const float shifter = 0x1.8p23f;
    const float shifted = x * 0x1.715476p+0f + shifter;
    const float n = shifted - shifter;
    // ln 2 in two parts: n has at most 8 bits, so the product with the first part (16 bits) is exact.
    const float r = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;
    // Minimax on [-ln 2 / 2, ln 2 / 2] of (exp(r) - 1 - r) / r^2.
    float p = 0x1.6a23ccp-10f;
    p = p * r + 0x1.123a2p-7f;
    p = p * r + 0x1.5558f2p-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
    p = (p * r) * r + r + 1.0f;
    // 2^n in two factors, because n runs from -150 to 128 and one float reaches -126 to 127.
    const int32_t exponent = static_cast<int32_t>(bits(shifted) - bits(shifter));
    const int32_t half = exponent >> 1;
    return p * power_of_two(half) * power_of_two(exponent - half);
  }

 private:
  static HOST_DEVICE uint32_t bits(float value) {
    uint32_t word;
    std::memcpy(&word, &value, 4);
    return word;
  }
  static HOST_DEVICE float power_of_two(int32_t exponent) {
    const uint32_t word = (static_cast<uint32_t>(exponent) + 127u) << 23;
    float value;
    std::memcpy(&value, &word, 4);
    return value;
  }
};

}  // namespace tensor::ops
