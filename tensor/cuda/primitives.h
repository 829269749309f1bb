#pragma once
// PTX instructions without a CUDA C++ function: asynchronous copies into shared memory, matrix loads and the tensor cores' product.
// tensor/emulator/primitives.cpp has their CPU versions. Source: PTX ISA, sections cp.async, ldmatrix and mma (m16n8k16).

#include <cstdint>

#include "tensor/cuda/runtime.h"

namespace tensor::cuda {

#ifdef MODE_CUDA_EMULATED

using emulator::cp_async;
using emulator::cp_async_commit;
using emulator::cp_async_wait;
using emulator::ldmatrix_x4;
using emulator::ldmatrix_x4_transposed;
using emulator::mma_m16n8k16;

#else

/// Starts a copy of `bytes` (4, 8 or 16; both addresses aligned to it) from device to shared memory; zeros instead where `from_there` is false
/// (`from` must still be a valid address). It lands at any time up to the cp_async_wait for its group.
template <int bytes>
__device__ __forceinline__ void cp_async(void* to_shared, const void* from, bool from_there = true) {
  const uint32_t to = static_cast<uint32_t>(__cvta_generic_to_shared(to_shared));
  const int read = from_there ? bytes : 0;
  if constexpr (bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(to), "l"(from), "r"(read) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;\n" ::"r"(to), "l"(from), "n"(bytes), "r"(read) : "memory");
}

/// Closes the group of this thread's copies since the last commit.
__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }

/// Waits until at most `newest` groups of this thread are pending. A __syncthreads() after it covers other threads' copies.
template <int newest>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(newest) : "memory");
}

/// Four 8x8 matrices of 16-bit elements; lane 8 i + r gives the address of row r of matrix i (16 bytes, aligned).
/// Matrix i, lane l: registers[i] = elements (l / 4, 2 (l % 4)) and (l / 4, 2 (l % 4) + 1).
__device__ __forceinline__ void ldmatrix_x4(uint32_t (&registers)[4], const void* shared_row) {
  const uint32_t row = static_cast<uint32_t>(__cvta_generic_to_shared(shared_row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(row)
               : "memory");
}

/// The same with each matrix transposed: registers[i] = elements (2 (l % 4), l / 4) and (2 (l % 4) + 1, l / 4).
__device__ __forceinline__ void ldmatrix_x4_transposed(uint32_t (&registers)[4], const void* shared_row) {
  const uint32_t row = static_cast<uint32_t>(__cvta_generic_to_shared(shared_row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(row)
               : "memory");
}

/// d += a b, a (16,16) and b (16,8) in bf16, d (16,8) in f32. With g = lane / 4, t = lane % 4, the pairs (low half first) are
///   a[0] = a(g, 2t ..)  a[1] = a(g + 8, 2t ..)  a[2] = a(g, 2t + 8 ..)  a[3] = a(g + 8, 2t + 8 ..)
///   b[0] = b(2t .., g)  b[1] = b(2t + 8 .., g)      d[0..1] = d(g, 2t ..)  d[2..3] = d(g + 8, 2t ..)
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif

}  // namespace tensor::cuda
