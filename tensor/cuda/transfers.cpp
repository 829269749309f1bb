// Copies between host and device through two pinned chunks: while one is being transferred, the other is filled.

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include "tensor/check.h"
#include "tensor/cuda/cuda.h"
#include "tensor/cuda/launch.h"
#include "tensor/cuda/pool.h"

namespace tensor::cuda {
namespace {

constexpr int64_t chunk_bytes = int64_t{4} << 20;

struct Chunk {
  std::byte* memory = nullptr;
  cudaEvent_t done = nullptr;  ///< the last copy from or to it
};

struct Staging {
  std::mutex mutex;
  std::array<Chunk, 2> chunks;
  int64_t next = 0;
};

/// Allocated at the device's first copy, never freed. The device must be current.
Staging& staging_of(int index) {
  static auto* all = new std::array<Staging, 64>;
  return (*all)[index];
}

Chunk& ready(Chunk& chunk) {
  if (chunk.memory == nullptr) {
    if (chunk.done == nullptr) CUDA_CHECK(cudaEventCreateWithFlags(&chunk.done, cudaEventDisableTiming));
    void* memory = nullptr;
    CUDA_CHECK(cudaMallocHost(&memory, static_cast<size_t>(chunk_bytes)));
    chunk.memory = static_cast<std::byte*>(memory);
  }
  return chunk;
}

void refuse_in_capture(int index, const char* what) {
  CHECK(!is_capturing(index),
        "cuda:{}: {} cannot be part of the graph that is being captured; move it before the capture or after a replay", index, what);
}

size_t size_of_chunk(int64_t bytes, int64_t offset) { return static_cast<size_t>(std::min(chunk_bytes, bytes - offset)); }

}  // namespace

void copy_to_device(void* to, const void* from, int64_t bytes, int index) {
  if (bytes == 0) return;
  refuse_in_capture(index, "a copy from the host");
  const cudaStream_t stream = stream_of({Device::Kind::cuda, index});
  Staging& staging = staging_of(index);
  const std::lock_guard lock(staging.mutex);
  for (int64_t offset = 0; offset < bytes; offset += chunk_bytes) {
    Chunk& chunk = ready(staging.chunks[staging.next++ % 2]);
    const size_t size = size_of_chunk(bytes, offset);
    CUDA_CHECK(cudaEventSynchronize(chunk.done));
    std::memcpy(chunk.memory, static_cast<const std::byte*>(from) + offset, size);
    CUDA_CHECK(cudaMemcpyAsync(static_cast<std::byte*>(to) + offset, chunk.memory, size, cudaMemcpyHostToDevice, stream));
    CUDA_CHECK(cudaEventRecord(chunk.done, stream));
  }
}

void copy_to_host(void* to, const void* from, int64_t bytes, int index) {
  if (bytes == 0) return;
  refuse_in_capture(index, "a copy to the host");
  const cudaStream_t stream = stream_of({Device::Kind::cuda, index});
  Staging& staging = staging_of(index);
  const std::lock_guard lock(staging.mutex);
  const auto chunk_at = [&](int64_t offset) -> Chunk& { return staging.chunks[offset / chunk_bytes % 2]; };
  const auto start = [&](int64_t offset) {
    if (offset >= bytes) return;
    Chunk& chunk = ready(chunk_at(offset));
    CUDA_CHECK(cudaMemcpyAsync(chunk.memory, static_cast<const std::byte*>(from) + offset, size_of_chunk(bytes, offset),
                               cudaMemcpyDeviceToHost, stream));
    CUDA_CHECK(cudaEventRecord(chunk.done, stream));
  };
  start(0);
  for (int64_t offset = 0; offset < bytes; offset += chunk_bytes) {
    start(offset + chunk_bytes);
    Chunk& chunk = chunk_at(offset);
    CUDA_CHECK(cudaEventSynchronize(chunk.done));
    std::memcpy(static_cast<std::byte*>(to) + offset, chunk.memory, size_of_chunk(bytes, offset));
  }
}

void copy_on_device(void* to, const void* from, int64_t bytes, int index) {
  if (bytes == 0) return;
  const cudaStream_t stream = stream_of({Device::Kind::cuda, index});
  CUDA_CHECK(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice, stream));
}

void fill_zero(void* memory, int64_t bytes, int index) {
  if (bytes == 0) return;
  const cudaStream_t stream = stream_of({Device::Kind::cuda, index});
  CUDA_CHECK(cudaMemsetAsync(memory, 0, static_cast<size_t>(bytes), stream));
}

void synchronize(int index) {
  refuse_in_capture(index, "a wait for the device");
  CUDA_CHECK(cudaStreamSynchronize(stream_of({Device::Kind::cuda, index})));
}

}  // namespace tensor::cuda
