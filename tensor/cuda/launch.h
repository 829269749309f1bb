#pragma once
// launch(kernel, grid, block, shared_bytes, stream, arguments...) starts a kernel; its errors name the caller's file and line.

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tensor/device.h"
// CUDA's runtime API for host code: the Toolkit's, or the emulator's subset.
#ifdef MODE_CUDA_EMULATED
#include "tensor/emulator/cuda_api.h"
#include "tensor/emulator/launch.h"
#else
#include <cuda_runtime_api.h>
#endif

/// CUDA_CHECK(call): the call must return cudaSuccess; the Error has the call, CUDA's message, file and line.
#define CUDA_CHECK(call_) ::tensor::cuda::check_success((call_), #call_, __FILE__, __LINE__)

namespace tensor::cuda {

void check_success(cudaError_t status, const char* call, const char* file, int line);

/// The stream of a device: all its work is issued there, in order. Makes the device current.
cudaStream_t stream_of(Device device);

/// Blocks of a launch, with the caller's file and line.
struct Grid {
  Grid(int64_t x_, int64_t y_ = 1, int64_t z_ = 1, const char* file_ = __builtin_FILE(), int line_ = __builtin_LINE())
      : x(x_), y(y_), z(z_), file(file_), line(line_) {}
  int64_t x, y, z;
  const char* file;
  int line;
};

/// Error for a launch that a device would refuse: no block, y or z above 65,535, over 1,024 threads per block, over 227 KB of shared memory.
void check_launch(const Grid& grid, dim3 block, size_t shared_bytes);

constexpr size_t most_shared_bytes = 227 << 10;
constexpr size_t most_static_shared_bytes = 48 << 10;

/// MODE_SYNC=1: every launch waits for its kernel, so that an error names the launching line; graphs are not captured.
bool is_synchronous();
void set_synchronous(bool on);

/// The check after a launch, and with MODE_SYNC=1 the wait for its end.
void check_launched(const Grid& grid, cudaStream_t stream);

#ifndef MODE_CUDA_EMULATED
void launch_on_device(const void* kernel, const Grid& grid, dim3 block, size_t shared_bytes, cudaStream_t stream, void** arguments);
#endif

/// `arguments` are converted to the kernel's parameters: pointers to device memory, numbers, and trivially copyable functors or structs.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), Grid grid, dim3 block, size_t shared_bytes, cudaStream_t stream, const Arguments&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments), "the kernel has another number of parameters");
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "a kernel's parameters are copied byte by byte");
  check_launch(grid, block, shared_bytes);
#ifdef MODE_CUDA_EMULATED
  emulator::launch(kernel, {grid.x, grid.y, grid.z, grid.file, grid.line}, block, shared_bytes, stream,
                   static_cast<Parameters>(arguments)...);
#else
  std::tuple<Parameters...> values(static_cast<Parameters>(arguments)...);
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {const_cast<void*>(static_cast<const void*>(&value))..., nullptr};
        launch_on_device(reinterpret_cast<const void*>(kernel), grid, block, shared_bytes, stream, pointers);
      },
      values);
#endif
  check_launched(grid, stream);
}

}  // namespace tensor::cuda
