#pragma once
// The emulated device's memory: allocations that only kernels and copies may touch, and the shared memory of the running block.

#include <cstddef>

#include "tensor/emulator/cuda_api.h"

// AddressSanitizer's interface as functions below: the emulator itself is compiled without AddressSanitizer, where its macros are empty.
#ifdef EMULATOR_ASAN
extern "C" {
void __sanitizer_start_switch_fiber(void** fake_stack, const void* low, size_t bytes);
void __sanitizer_finish_switch_fiber(void* fake_stack, const void** low, size_t* bytes);
void __asan_poison_memory_region(const volatile void* begin, size_t bytes);
void __asan_unpoison_memory_region(const volatile void* begin, size_t bytes);
void* __asan_region_is_poisoned(void* begin, size_t bytes);
}
#endif

namespace tensor::emulator {

#ifdef EMULATOR_ASAN
inline void start_switch(void** fake_stack, const void* low, size_t bytes) { __sanitizer_start_switch_fiber(fake_stack, low, bytes); }
inline void finish_switch(void* fake_stack, const void** low, size_t* bytes) { __sanitizer_finish_switch_fiber(fake_stack, low, bytes); }
inline void poison(const void* begin, size_t bytes) { __asan_poison_memory_region(begin, bytes); }
inline void unpoison(const void* begin, size_t bytes) { __asan_unpoison_memory_region(begin, bytes); }
inline bool is_poisoned(const void* begin, size_t bytes) { return __asan_region_is_poisoned(const_cast<void*>(begin), bytes) != nullptr; }
#else
inline void start_switch(void**, const void*, size_t) {}
inline void finish_switch(void*, const void**, size_t*) {}
inline void poison(const void*, size_t) {}
inline void unpoison(const void*, size_t) {}
inline bool is_poisoned(const void*, size_t) { return false; }
#endif

/// Its lifetime permits accesses to all device memory. Otherwise AddressSanitizer reports host code that follows a device pointer.
class DeviceMemoryOpen {
 public:
  DeviceMemoryOpen();
  ~DeviceMemoryOpen();
  DeviceMemoryOpen(const DeviceMemoryOpen&) = delete;
  DeviceMemoryOpen& operator=(const DeviceMemoryOpen&) = delete;
};

bool is_device_memory(const void* begin, size_t bytes);
cudaError_t free_now(void* memory);

// Shared memory of a block: poisoned between its arrays, and filled with NaNs.
void begin_shared(size_t dynamic_bytes);
void end_shared();
bool is_shared_memory(const void* begin, size_t bytes);

}  // namespace tensor::emulator
