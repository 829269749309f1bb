#pragma once
// Integer arithmetic of tiles, blocks and windows, and HOST_DEVICE for functions of both devices; short because everything includes it.

/// Marks a function that both the CPU and the GPU run. A CUDA source defines it, with its own qualifiers, before its first include. Always
/// inlined: inside a kernel that is compiled for AVX2 or AVX-512 it must become part of that kernel, vectors and all.
#ifndef HOST_DEVICE
#define HOST_DEVICE inline __attribute__((always_inline))
#endif

namespace tensor {

/// n / divisor, rounded up: the number of blocks of `divisor` that hold n. n >= 0, divisor >= 1.
template <class N, class D>
HOST_DEVICE constexpr auto ceil_div(N n, D divisor) {
  return (n + divisor - 1) / divisor;
}

/// The least multiple of `multiple` that is at least n. n >= 0, multiple >= 1.
template <class N, class M>
HOST_DEVICE constexpr auto round_up(N n, M multiple) {
  return ceil_div(n, multiple) * multiple;
}

}  // namespace tensor
