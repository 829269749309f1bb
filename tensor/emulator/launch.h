#pragma once
// A launch on the emulated device: the kernel and its arguments, packed as bytes.

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>

#include "tensor/emulator/cuda_api.h"

namespace tensor::emulator {

struct LaunchGrid {
  int64_t x, y, z;
  const char* file;
  int line;
};

/// A kernel and its arguments as bytes, kept by a stream until it runs and by a graph for its lifetime.
struct Packed {
  void (*call)(const void* packed);
  const void* bytes;
  size_t size;
};
void launch_packed(const LaunchGrid& grid, dim3 block, size_t shared_bytes, cudaStream_t stream, Packed packed, const void* const* pointers,
                   int pointer_count);

template <class T>
const void* pointer_or_null(const T& argument) {
  if constexpr (std::is_pointer_v<T>)
    return const_cast<const void*>(static_cast<const volatile void*>(argument));
  else
    return nullptr;
}

template <class... Parameters>
void launch(void (*kernel)(Parameters...), const LaunchGrid& grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
            Parameters... arguments) {
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> arguments;
  };
  const Call call = {kernel, {arguments...}};
  const void* const pointers[] = {pointer_or_null(arguments)..., nullptr};
  const auto run = [](const void* packed) {
    const Call& recorded = *static_cast<const Call*>(packed);
    std::apply(recorded.kernel, recorded.arguments);
  };
  launch_packed(grid, block, shared_bytes, stream, {run, &call, sizeof(call)}, pointers, sizeof...(Parameters));
}

}  // namespace tensor::emulator
