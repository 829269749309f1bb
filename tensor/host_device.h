#pragma once
// HOST_DEVICE marks a function that both the CPU and the GPU run. A CUDA source defines it, with its own qualifiers, before its first
// include. Always inlined: inside a kernel that is compiled for AVX2 or AVX-512 it must become part of that kernel, vectors and all.
#ifndef HOST_DEVICE
#define HOST_DEVICE inline __attribute__((always_inline))
#endif
