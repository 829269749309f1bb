#pragma once
// The emulated device's memory: allocations that only kernels and copies may touch, and the shared memory of the running block.

#include <cstddef>

#include "tensor/emulator/cuda_api.h"

namespace tensor::emulator {

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
