// The checks before and after every launch: the device's limits, and errors with the caller's file and line.

#include "tensor/cuda/launch.h"

#include <atomic>
#include <cstdlib>
#include <string_view>

#include "tensor/check.h"
#include "tensor/cuda/cuda.h"

namespace tensor::cuda {
namespace {

constexpr int64_t most_blocks_x = (int64_t{1} << 31) - 1;
constexpr int64_t most_blocks_yz = 65535;
constexpr int64_t most_threads = 1024;
constexpr unsigned most_threads_z = 64;

const char* hint(cudaError_t status) {
  if (status == cudaErrorNoKernelImageForDevice) return "; build with -DCMAKE_CUDA_ARCHITECTURES=native for this device";
  return "";
}

std::atomic<bool>& synchronous_flag() {
  static std::atomic<bool> flag = [] {
    const char* text = std::getenv("MODE_SYNC");
    return text != nullptr && std::string_view(text) == "1";
  }();
  return flag;
}

}  // namespace

bool is_synchronous() { return synchronous_flag().load(std::memory_order_relaxed); }
void set_synchronous(bool on) { synchronous_flag().store(on, std::memory_order_relaxed); }

void check_success(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // clears it: it is reported here, once
  throw Error(fmt::format("{}: {}: {}{} (at {}:{})", call, cudaGetErrorName(status), cudaGetErrorString(status), hint(status), file, line),
              file, line);
}

void check_launch(const Grid& grid, dim3 block, size_t shared_bytes) {
  const auto refuse = [&](const std::string& fault) {
    throw Error(fmt::format("launch of {} x {} x {} blocks of {} x {} x {} threads with {} bytes of shared memory: {} (at {}:{})", grid.x,
                            grid.y, grid.z, block.x, block.y, block.z, shared_bytes, fault, grid.file, grid.line),
                grid.file, grid.line);
  };
  if (grid.x < 1 || grid.y < 1 || grid.z < 1) refuse("no blocks; an empty tensor launches nothing");
  if (grid.x > most_blocks_x) refuse(fmt::format("x is at most {}", most_blocks_x));
  if (grid.y > most_blocks_yz || grid.z > most_blocks_yz) refuse(fmt::format("y and z are at most {}", most_blocks_yz));
  const int64_t threads = int64_t{block.x} * block.y * block.z;
  if (block.x > most_threads || block.y > most_threads || threads < 1 || threads > most_threads)
    refuse(fmt::format("a block has 1 to {} threads", most_threads));
  if (block.z > most_threads_z) refuse(fmt::format("a block has at most {} threads along z", most_threads_z));
  if (shared_bytes > most_shared_bytes) refuse(fmt::format("a block has at most {} bytes of shared memory", most_shared_bytes));
}

void check_launched(const Grid& grid, cudaStream_t stream) {
  check_success(cudaGetLastError(), "launch of a kernel", grid.file, grid.line);
  if (is_synchronous()) check_success(cudaStreamSynchronize(stream), "a kernel", grid.file, grid.line);
}

#ifndef MODE_CUDA_EMULATED
void launch_on_device(const void* kernel, const Grid& grid, dim3 block, size_t shared_bytes, cudaStream_t stream, void** arguments) {
  // Above 48 KB, static shared memory included, a kernel must opt in to dynamic shared memory.
  if (shared_bytes > 0)
    check_success(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
                  "shared memory of a kernel", grid.file, grid.line);
  const dim3 blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z));
  check_success(cudaLaunchKernel(kernel, blocks, block, arguments, shared_bytes, stream), "launch of a kernel", grid.file, grid.line);
}
#endif

}  // namespace tensor::cuda
