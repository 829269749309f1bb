#include "tensor/emulator/memory.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "tensor/cuda/launch.h"
#include "tensor/emulator/block.h"
#include "tensor/emulator/cuda_api.h"
#include "tensor/emulator/emulator.h"
#include "tensor/emulator/shadow.h"

namespace tensor::emulator {
namespace {

constexpr int unwritten = 0xff;  // as a float: NaN
constexpr size_t red_zone = 128;
constexpr size_t most_static = cuda::most_static_shared_bytes, most_shared = cuda::most_shared_bytes;

/// Allocations by address. Never destroyed, because tensors of static lifetime are freed after every other static object.
struct Device {
  std::mutex mutex;
  std::map<const char*, size_t> allocations;
  size_t held = 0;
  int open = 0;
};
Device& device() {
  static Device* instance = new Device;
  return *instance;
}

struct SharedArray {
  const char* key;
  char* begin;
  size_t bytes;
};

/// Holds all arrays with their red zones; [arena, arena + used) is in use.
constexpr size_t arena_bytes = most_shared + 64 * red_zone;
alignas(128) char arena[arena_bytes];
size_t used = 0, static_bytes = 0, dynamic_bytes_of_launch = 0;
std::vector<SharedArray> arrays;

SharedArray& add_array(const char* key, size_t bytes, size_t alignment, const char* name) {
  // At an odd multiple of the type's alignment (at least 8, for poisoning), so that no array is better aligned by accident.
  const size_t unit = alignment < 8 ? 8 : alignment;
  const size_t begin = (used + red_zone) / (2 * unit) * (2 * unit) + unit;
  if (begin + bytes > arena_bytes)
    fail(fmt::format("shared memory: more than {} arrays, or more bytes than the arena holds", arrays.size()));
  char* const at = arena + begin;
  used = begin + bytes;
  unpoison(at, bytes);
  std::memset(at, unwritten, bytes);
  shadow::add_region(shadow::Space::shared, at, bytes, name);
  return arrays.emplace_back(SharedArray{key, at, bytes});
}

void poison_all(const Device& d) {
  for (const auto& [begin, bytes] : d.allocations) poison(begin, bytes);
}

}  // namespace

DeviceMemoryOpen::DeviceMemoryOpen() {
  Device& d = device();
  const std::lock_guard lock(d.mutex);
  if (d.open++ == 0)
    for (const auto& [begin, bytes] : d.allocations) unpoison(begin, bytes);
}

DeviceMemoryOpen::~DeviceMemoryOpen() {
  Device& d = device();
  const std::lock_guard lock(d.mutex);
  if (--d.open == 0) poison_all(d);
}

bool is_device_memory(const void* begin, size_t bytes) {
  Device& d = device();
  const std::lock_guard lock(d.mutex);
  const char* const at = static_cast<const char*>(begin);
  auto after = d.allocations.upper_bound(at);
  if (after == d.allocations.begin()) return false;
  --after;
  return at + bytes <= after->first + after->second;
}

cudaError_t free_now(void* memory) {
  if (memory == nullptr) return cudaSuccess;
  Device& d = device();
  const std::lock_guard lock(d.mutex);
  const auto found = d.allocations.find(static_cast<const char*>(memory));
  if (found == d.allocations.end()) return note(cudaErrorInvalidValue);
  unpoison(memory, found->second);
  shadow::remove_region(memory);
  d.held -= found->second;
  d.allocations.erase(found);
  std::free(memory);
  return cudaSuccess;
}

void begin_shared(size_t dynamic_bytes) {
  poison(arena, arena_bytes);
  used = static_bytes = 0;
  arrays.clear();
  dynamic_bytes_of_launch = dynamic_bytes;
  if (dynamic_bytes > 0) add_array(nullptr, dynamic_bytes, 128, "dynamic shared memory");
}

void end_shared() {
  for (const SharedArray& array : arrays) shadow::remove_region(array.begin);
  arrays.clear();
}

bool is_shared_memory(const void* begin, size_t bytes) {
  for (const SharedArray& array : arrays)
    if (begin >= array.begin && static_cast<const char*>(begin) + bytes <= array.begin + array.bytes) return true;
  return false;
}

void* static_shared(const char* key, size_t bytes, size_t alignment, const char* name) {
  for (const SharedArray& array : arrays)
    if (array.key == key) return array.begin;
  static_bytes += bytes;
  if (static_bytes > most_static)
    fail(fmt::format("static shared memory: {} bytes with '{}', at most {}; use DYNAMIC_SHARED with the launch's shared_bytes",
                     static_bytes, name, most_static));
  if (static_bytes + dynamic_bytes_of_launch > most_shared)
    fail(fmt::format("shared memory: {} bytes static and {} of the launch; at most {} together", static_bytes, dynamic_bytes_of_launch,
                     most_shared));
  return add_array(key, bytes, alignment, name).begin;
}

void* dynamic_shared() {
  if (dynamic_bytes_of_launch == 0) fail("DYNAMIC_SHARED in a launch with 0 bytes of shared memory");
  return arrays.front().begin;
}

}  // namespace tensor::emulator

using namespace tensor::emulator;

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  Device& d = device();
  const std::lock_guard lock(d.mutex);
  *memory = nullptr;
  if (bytes == 0) return cudaSuccess;
  if (bytes > settings().memory_bytes - d.held || posix_memalign(memory, 256, bytes) != 0) return note(cudaErrorMemoryAllocation);
  std::memset(*memory, unwritten, bytes);
  d.held += bytes;
  d.allocations.emplace(static_cast<const char*>(*memory), bytes);
  shadow::add_region(shadow::Space::device, *memory, bytes, "device memory");
  if (d.open == 0) poison(*memory, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  Device& d = device();
  const std::lock_guard lock(d.mutex);
  *total = settings().memory_bytes;
  *free = *total - std::min(*total, d.held);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  return posix_memalign(memory, 256, bytes == 0 ? 1 : bytes) == 0 ? cudaSuccess : note(cudaErrorMemoryAllocation);
}

cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
