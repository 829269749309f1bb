#pragma once
// CUDA devices for host code, in every build. In a build without CUDA, each call is an Error that says so (tensor/cuda/absent.cpp).

#include <cstdint>
#include <string>

#include "tensor/storage.h"

namespace tensor::cuda {

/// The reason why no kernel can run on device `index`, with a remedy, in one line; "" if kernels can run.
std::string unavailable_because(int index = 0);
inline bool is_available(int index = 0) { return unavailable_because(index).empty(); }
/// Error with unavailable_because(), if that is not empty.
void check_available(int index);
/// Devices that this program may use; 0 without CUDA, a driver or a device.
int device_count();
/// "NVIDIA H100 80GB HBM3, sm_90, 79.1 GiB".
std::string description(int index);
/// The CUDA of this build: "13.0", "emulated" or "none".
std::string build_description();

/// `bytes` of device memory for work on the device's stream, from the pool (tensor/cuda/pool.h). Error: out of memory.
void* allocate(int64_t bytes, int index);
/// Frees it in stream order: work issued before may still use it.
void deallocate(void* memory, int64_t bytes, int index) noexcept;
StorageStatistics statistics(int index);
void reset_peak_bytes(int index);
/// Gives the pool's free memory back to the device.
void release_cached(int index);

// Copies are ordered with the device's kernels. From and to the host they pass through pinned memory.
/// Returns as soon as `from` may be written again.
void copy_to_device(void* to, const void* from, int64_t bytes, int index);
/// Returns when `to` is complete: waits for all work before it.
void copy_to_host(void* to, const void* from, int64_t bytes, int index);
void copy_on_device(void* to, const void* from, int64_t bytes, int index);
void fill_zero(void* memory, int64_t bytes, int index);
/// Waits for all issued work. Error: a kernel failed.
void synchronize(int index);

}  // namespace tensor::cuda
