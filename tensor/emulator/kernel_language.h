#pragma once
// The kernel language for g++: CUDA's names, implemented on a CPU. It contains only declarations and functions that must be inline, because
// code that a CUDA source includes is instrumented; the emulator itself is not.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/emulator/launch.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

#define SHARED(type_, name_, extents_) \
  using name_##_type = type_ extents_; \
  static char name_##_key;             \
  name_##_type& name_ =                \
      *static_cast<name_##_type*>(::tensor::emulator::static_shared(&name_##_key, sizeof(name_##_type), alignof(name_##_type), #name_))
#define DYNAMIC_SHARED(type_, name_) type_* const name_ = static_cast<type_*>(::tensor::emulator::dynamic_shared())

struct uint3 {
  unsigned x, y, z;
};
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE());
void __syncwarp(unsigned mask = 0xffffffffu, const char* file = __builtin_FILE(), int line = __builtin_LINE());
unsigned __ballot_sync(unsigned mask, bool predicate, const char* file = __builtin_FILE(), int line = __builtin_LINE());
inline bool __any_sync(unsigned mask, bool predicate, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return __ballot_sync(mask, predicate, file, line) != 0;
}
inline bool __all_sync(unsigned mask, bool predicate, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return __ballot_sync(mask, !predicate, file, line) == 0;
}
void __threadfence();
void __threadfence_block();

int atomicAdd(int* address, int value);
unsigned atomicAdd(unsigned* address, unsigned value);
unsigned long long atomicAdd(unsigned long long* address, unsigned long long value);
float atomicAdd(float* address, float value);
double atomicAdd(double* address, double value);
int atomicMax(int* address, int value);
int atomicMin(int* address, int value);
unsigned atomicOr(unsigned* address, unsigned value);
int atomicExch(int* address, int value);
int atomicCAS(int* address, int expected, int desired);
unsigned long long atomicCAS(unsigned long long* address, unsigned long long expected, unsigned long long desired);

namespace tensor::emulator {

// Shared memory of the running block. `key` tells declarations apart; every thread gets the same address.
void* static_shared(const char* key, size_t bytes, size_t alignment, const char* name);
void* dynamic_shared();

enum class Shuffle { index, up, down, exchange };
/// `bytes` of another lane's value at `in`, into `out`.
void shuffle(Shuffle kind, unsigned mask, const void* in, void* out, size_t bytes, int argument, int width, const char* file, int line);

template <int bytes>
void cp_async(void* to_shared, const void* from, bool from_there = true);
void cp_async_commit();
void cp_async_wait_for(int newest);
template <int newest>
void cp_async_wait() {
  cp_async_wait_for(newest);
}
void ldmatrix_x4(uint32_t (&registers)[4], const void* shared_row, const char* file = __builtin_FILE(), int line = __builtin_LINE());
void ldmatrix_x4_transposed(uint32_t (&registers)[4], const void* shared_row, const char* file = __builtin_FILE(),
                            int line = __builtin_LINE());
void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const char* file = __builtin_FILE(),
                  int line = __builtin_LINE());

}  // namespace tensor::emulator

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  tensor::emulator::shuffle(tensor::emulator::Shuffle::index, mask, &value, &value, sizeof(T), source, width, file, line);
  return value;
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  tensor::emulator::shuffle(tensor::emulator::Shuffle::up, mask, &value, &value, sizeof(T), static_cast<int>(delta), width, file, line);
  return value;
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  tensor::emulator::shuffle(tensor::emulator::Shuffle::down, mask, &value, &value, sizeof(T), static_cast<int>(delta), width, file, line);
  return value;
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  tensor::emulator::shuffle(tensor::emulator::Shuffle::exchange, mask, &value, &value, sizeof(T), bits, width, file, line);
  return value;
}
