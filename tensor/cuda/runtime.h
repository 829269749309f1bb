#pragma once
// The first include of every CUDA source: the kernel language, launch(), shared memory. nvcc takes the language from the CUDA Toolkit, g++
// from tensor/emulator/, which runs the same source on a CPU. It is short because every CUDA source includes it.

#ifdef MODE_CUDA_EMULATED
#include "tensor/emulator/kernel_language.h"
#else
#include <cuda_runtime.h>
#define HOST_DEVICE __host__ __device__ __forceinline__

/// SHARED(float, tile, [64][40]): float tile[64][40] in the block's shared memory. At most 48 KB in all.
#define SHARED(type_, name_, extents_) __shared__ type_ name_ extents_
/// DYNAMIC_SHARED(bfloat16, buffer): bfloat16* to the shared_bytes of the launch, aligned to 128. At most 227 KB with SHARED.
/// Today's kernels need none: it is for cp.async pipelines with more stages than 48 KB hold.
#define DYNAMIC_SHARED(type_, name_)                                      \
  extern __shared__ __align__(128) unsigned char dynamic_shared_memory[]; \
  type_* const name_ = reinterpret_cast<type_*>(&dynamic_shared_memory[0])
#endif

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tensor/cuda/launch.h"
#include "tensor/tensor.h"

namespace tensor::cuda {

/// N elements with one load or store; at most 16 bytes.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T values[N];
};

}  // namespace tensor::cuda
