#include "tensor/cuda/pool.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tensor/check.h"
#include "tensor/cuda/cuda.h"
#include "tensor/cuda/launch.h"
#include "tensor/math.h"

namespace tensor::cuda {
namespace {

constexpr int64_t alignment = 512;

struct Block {
  void* memory = nullptr;
  int64_t capacity = 0;
  bool ordered = false;  ///< came from cudaMallocAsync
  uint64_t graph = 0;    ///< the graph that allocated it
};

struct GraphBlocks {
  std::multimap<int64_t, Block> free;  ///< reusable for the rest of its capture
  std::vector<Block> kept;
};

struct Pool {
  std::mutex mutex;
  std::unordered_map<void*, Block> held;  ///< held by tensors
  std::multimap<int64_t, Block> free;
  std::map<uint64_t, GraphBlocks> graphs;
  uint64_t captured = 0, last_graph = 0;
  StorageStatistics statistics;
};

/// Never destroyed: tensors with static lifetime may be freed after any other static object.
Pool& pool_of(int index) {
  static auto* pools = new std::array<Pool, 64>;
  CHECK(index >= 0 && index < static_cast<int>(pools->size()), "cuda:{}: there is no such device", index);
  return (*pools)[index];
}

std::atomic<bool>& keeps_blocks() {
  static std::atomic<bool> flag = [] {
    const char* text = std::getenv("MODE_POOL");
#ifdef MODE_CUDA_EMULATED
    return text != nullptr && std::string_view(text) == "on";
#else
    return text == nullptr || std::string_view(text) != "off";
#endif
  }();
  return flag;
}

/// Ignores and clears errors: at the end of a process the runtime may be gone already.
void give_to_device(const Block& block, cudaStream_t stream) noexcept {
  try {
    const cudaError_t status = block.ordered ? cudaFreeAsync(block.memory, stream) : cudaFree(block.memory);
    if (status != cudaSuccess) cudaGetLastError();
  } catch (const std::exception&) {
    // The emulator may throw the error of a kernel that was still queued in the stream.
  }
}

void release_free(Pool& pool, cudaStream_t stream) noexcept {
  for (const auto& [capacity, block] : pool.free) give_to_device(block, stream);
  pool.free.clear();
  pool.statistics.cached_bytes = 0;
}

bool take(std::multimap<int64_t, Block>& blocks, int64_t capacity, Block& block) {
  const auto found = blocks.lower_bound(capacity);
  if (found == blocks.end() || found->first > capacity + capacity / 8) return false;
  block = found->second;
  blocks.erase(found);
  return true;
}

std::string size_text(int64_t bytes) {
  if (bytes < (1 << 20)) return fmt::format("{} bytes", bytes);
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.2f} GiB", mib / 1024);
}

[[noreturn]] void out_of_memory(const Pool& pool, int64_t bytes, int64_t cached, int index) {
  size_t free = 0, total = 0;
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) cudaGetLastError();
  throw Error(
      fmt::format("cuda:{}: out of memory: asked for {} while tensors hold {} (kept for re-use and given back for this: {}; free on "
                  "the device: {} of {}); use a smaller batch",
                  index, size_text(bytes), size_text(pool.statistics.live_bytes), size_text(cached), size_text(static_cast<int64_t>(free)),
                  size_text(static_cast<int64_t>(total))));
}

/// A new block from the device. If memory is short, the pool's free blocks go back to the device first.
Block from_device(Pool& pool, int64_t bytes, int64_t capacity, int index, cudaStream_t stream) {
  Block block{nullptr, capacity, !keeps_blocks() && pool.captured == 0, pool.captured};
  const auto attempt = [&] {
    const auto size = static_cast<size_t>(capacity);
    // A capture would record cudaMallocAsync as a node, whose memory is valid within the graph alone.
    const cudaError_t status = block.ordered ? cudaMallocAsync(&block.memory, size, stream) : cudaMalloc(&block.memory, size);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      return false;
    }
    CUDA_CHECK(status);
    return true;
  };
  if (attempt()) return block;
  const int64_t cached = pool.statistics.cached_bytes;
  if (pool.captured == 0) {  // a capture allows neither
    release_free(pool, stream);
    // Stream-ordered frees take effect when the stream reaches them.
    CUDA_CHECK(cudaStreamSynchronize(stream));
    if (attempt()) return block;
  }
  out_of_memory(pool, bytes, cached - pool.statistics.cached_bytes, index);
}

/// Takes a block that no tensor holds any more: for the graphs that still use it, else for the next tensor or the device.
void put(Pool& pool, const Block& block, cudaStream_t stream) {
  if (pool.captured != 0) {
    GraphBlocks& graph = pool.graphs[pool.captured];
    if (block.graph == pool.captured && keeps_blocks())
      graph.free.emplace(block.capacity, block);
    else
      graph.kept.push_back(block);
    return;
  }
  if (const auto graph = pool.graphs.find(block.graph); graph != pool.graphs.end()) {
    graph->second.kept.push_back(block);
    return;
  }
  pool.statistics.live_bytes -= block.capacity;
  if (keeps_blocks() && !block.ordered) {
    pool.free.emplace(block.capacity, block);
    pool.statistics.cached_bytes += block.capacity;
  } else {
    give_to_device(block, stream);
  }
}

}  // namespace

bool pool_keeps_blocks() { return keeps_blocks(); }
void set_pool_keeps_blocks(bool on) { keeps_blocks() = on; }

void* allocate(int64_t bytes, int index) {
  CHECK(bytes >= 0, "cuda:{}: {} bytes were asked for", index, bytes);
  const cudaStream_t stream = stream_of({Device::Kind::cuda, index});
  Pool& pool = pool_of(index);
  const std::lock_guard lock(pool.mutex);
  const int64_t wanted = std::max<int64_t>(1, bytes);
  const int64_t capacity = keeps_blocks() ? round_up(wanted, alignment) : wanted;
  Block block;
  bool is_new_to_tensors = true;
  if (keeps_blocks() && pool.captured != 0 && take(pool.graphs[pool.captured].free, capacity, block)) {
    is_new_to_tensors = false;
  } else if (keeps_blocks() && take(pool.free, capacity, block)) {
    pool.statistics.cached_bytes -= block.capacity;
    block.graph = pool.captured;
  } else {
    block = from_device(pool, bytes, capacity, index, stream);
  }
  pool.held.emplace(block.memory, block);
  if (is_new_to_tensors) pool.statistics.live_bytes += block.capacity;
  pool.statistics.peak_bytes = std::max(pool.statistics.peak_bytes, pool.statistics.live_bytes);
  return block.memory;
}

void deallocate(void* memory, int64_t, int index) noexcept {
  try {
    const cudaStream_t stream = stream_of({Device::Kind::cuda, index});
    Pool& pool = pool_of(index);
    const std::lock_guard lock(pool.mutex);
    const auto found = pool.held.find(memory);
    if (found == pool.held.end()) return;
    const Block block = found->second;
    pool.held.erase(found);
    put(pool, block, stream);
  } catch (const std::exception&) {
    // The runtime is gone, or the bookkeeping ran out of memory: the block leaks, which harms no tensor.
  }
}

StorageStatistics statistics(int index) {
  Pool& pool = pool_of(index);
  const std::lock_guard lock(pool.mutex);
  return pool.statistics;
}

void reset_peak_bytes(int index) {
  Pool& pool = pool_of(index);
  const std::lock_guard lock(pool.mutex);
  pool.statistics.peak_bytes = pool.statistics.live_bytes;
}

void release_cached(int index) {
  const cudaStream_t stream = stream_of({Device::Kind::cuda, index});
  Pool& pool = pool_of(index);
  const std::lock_guard lock(pool.mutex);
  CHECK(pool.captured == 0, "cuda:{}: a graph is being captured, and memory cannot be given back meanwhile", index);
  release_free(pool, stream);
}

uint64_t begin_capture(int index) {
  Pool& pool = pool_of(index);
  const std::lock_guard lock(pool.mutex);
  CHECK(pool.captured == 0, "cuda:{}: a graph is being captured already; captures do not nest", index);
  pool.captured = ++pool.last_graph;
  pool.graphs[pool.captured];
  return pool.captured;
}

void end_capture(int index) {
  Pool& pool = pool_of(index);
  const std::lock_guard lock(pool.mutex);
  pool.captured = 0;
}

bool is_capturing(int index) {
  Pool& pool = pool_of(index);
  const std::lock_guard lock(pool.mutex);
  return pool.captured != 0;
}

void release_captured(int index, uint64_t graph) noexcept {
  try {
    const cudaStream_t stream = stream_of({Device::Kind::cuda, index});
    Pool& pool = pool_of(index);
    const std::lock_guard lock(pool.mutex);
    const auto found = pool.graphs.find(graph);
    if (found == pool.graphs.end()) return;
    const GraphBlocks blocks = std::move(found->second);
    pool.graphs.erase(found);
    for (const auto& [capacity, block] : blocks.free) put(pool, block, stream);
    for (const Block& block : blocks.kept) put(pool, block, stream);
  } catch (const std::exception&) {
    // As in deallocate.
  }
}

}  // namespace tensor::cuda
