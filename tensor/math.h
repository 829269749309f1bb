#pragma once
// Integer arithmetic of tiles, blocks and windows, on both devices. Arguments are at least 0, divisors at least 1.

#include "tensor/host_device.h"

namespace tensor {

/// n / divisor, rounded up: the number of blocks of `divisor` that hold n.
template <class N, class D>
HOST_DEVICE constexpr auto ceil_div(N n, D divisor) {
  return (n + divisor - 1) / divisor;
}

/// The least multiple of `multiple` that is at least n.
template <class N, class M>
HOST_DEVICE constexpr auto round_up(N n, M multiple) {
  return ceil_div(n, multiple) * multiple;
}

}  // namespace tensor
