#pragma once
// Division by a divisor that the host knows before the launch: one multiplication and one shift, where a GPU has no instruction for it.
// Source: Granlund and Montgomery, "Division by invariant integers using multiplication", 1994. Interface as CUTLASS's FastDivmod.
// (short because tensor/math.h, which every file includes, needs no part of it)

#include <cstdint>

#include "tensor/check.h"
#include "tensor/math.h"

namespace tensor::cuda {

/// n / d and n % d for 0 <= n < 2^31. With 2^(s-1) < d <= 2^s and m = ceil(2^(31+s) / d), the excess e = m d - 2^(31+s) is below d <= 2^s,
/// so n m / 2^(31+s) = n / d + n e / (d 2^(31+s)) is less than 1/d above n / d: the same whole part.
class FastDivmod {
 public:
  FastDivmod() = default;
  explicit FastDivmod(int64_t divisor) : divisor_(static_cast<uint32_t>(divisor)) {
    CHECK(divisor >= 1 && divisor < int64_t{1} << 31, "FastDivmod: a divisor of {}; use one that is at least 1 and below 2^31", divisor);
    int bits = 0;
    while (int64_t{1} << bits < divisor) ++bits;
    shift_ = static_cast<uint32_t>(31 + bits);
    multiplier_ = static_cast<uint32_t>(ceil_div(uint64_t{1} << shift_, divisor_));
  }

  HOST_DEVICE int div(int n) const { return static_cast<int>((static_cast<uint64_t>(static_cast<uint32_t>(n)) * multiplier_) >> shift_); }
  HOST_DEVICE void operator()(int& quotient, int& remainder, int n) const {
    quotient = div(n);
    remainder = n - quotient * static_cast<int>(divisor_);
  }

 private:
  uint32_t divisor_ = 1, multiplier_ = 1u << 31, shift_ = 31;
};

}  // namespace tensor::cuda
