// Streams, events and graphs. Work is a recorded closure that holds its arguments as they were when it was issued: a stream runs it at once
// (or, if lazy, when something waits for it), a capture keeps it without running it, and a replay runs it with those same arguments.

#include <time.h>

#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "tensor/check.h"
#include "tensor/emulator/block.h"
#include "tensor/emulator/cuda_api.h"
#include "tensor/emulator/emulator.h"
#include "tensor/emulator/memory.h"
#include "tensor/emulator/shadow.h"

using Work = std::function<void()>;

struct cudaGraph {
  std::vector<Work> nodes;
  std::vector<void*> freed;  // during the capture: a replay still writes there
  ~cudaGraph() {
    for (void* memory : freed) tensor::emulator::free_now(memory);
  }
};
struct cudaGraphExec {
  std::shared_ptr<cudaGraph> graph;
};
struct cudaStream {
  std::deque<Work> queue;
  int64_t issued = 0, finished = 0;
  std::shared_ptr<cudaGraph> capture;
  bool capture_broken = false;
};
struct cudaEvent {
  cudaStream_t stream = nullptr;
  int64_t after = 0;
  double seconds = 0;
};

namespace tensor::emulator {
namespace {

std::recursive_mutex mutex;

struct Streams {
  cudaStream legacy;
  std::set<cudaStream_t> all = {&legacy};
  // Graphs that the caller knows by pointer; an executable graph shares its graph's nodes.
  std::vector<std::shared_ptr<cudaGraph>> graphs;
};
Streams& streams() {
  static Streams* instance = new Streams;
  return *instance;
}

cudaStream_t or_legacy(cudaStream_t stream) { return stream != nullptr ? stream : &streams().legacy; }

void run_until(cudaStream_t stream, int64_t position) {
  while (stream->finished < position && !stream->queue.empty()) {
    const Work work = std::move(stream->queue.front());
    stream->queue.pop_front();
    ++stream->finished;
    try {
      work();
    } catch (...) {  // as on a device, what came after a failed kernel is lost
      stream->finished = stream->issued;
      stream->queue.clear();
      throw;
    }
  }
}

cudaError_t issue(cudaStream_t stream, Work work) {
  const std::lock_guard lock(mutex);
  stream = or_legacy(stream);
  if (stream->capture != nullptr) {
    stream->capture->nodes.push_back(std::move(work));
    return cudaSuccess;
  }
  stream->queue.push_back(std::move(work));
  ++stream->issued;
  if (!settings().lazy_streams) run_until(stream, stream->issued);
  return cudaSuccess;
}

/// What may not be done while a stream is captured breaks the capture.
cudaError_t refuse_in_capture(cudaStream_t stream) {
  if (stream->capture == nullptr) return cudaSuccess;
  stream->capture_broken = true;
  return note(cudaErrorStreamCaptureUnsupported);
}

/// A kernel's arguments, in memory that a kernel may read.
class Arguments {
 public:
  explicit Arguments(const Packed& packed) : bytes_(new std::max_align_t[packed.size / sizeof(std::max_align_t) + 1]) {
    std::memcpy(bytes_.get(), packed.bytes, packed.size);
    shadow::allow_constant(bytes_.get(), packed.size);
  }
  ~Arguments() { shadow::disallow_constant(bytes_.get()); }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;
  const void* get() const { return bytes_.get(); }

 private:
  std::unique_ptr<std::max_align_t[]> bytes_;
};

uint64_t launches = 0;

}  // namespace

void launch_packed(const LaunchGrid& grid, dim3 block, size_t shared_bytes, cudaStream_t stream, Packed packed, const void* const* pointers,
                   int pointer_count) {
  for (int i = 0; i < pointer_count; ++i)
    if (pointers[i] != nullptr && !is_device_memory(pointers[i], 0))
      throw Error(fmt::format("kernel launched at {}:{}: argument {} is a pointer that is not to device memory", grid.file, grid.line, i),
                  grid.file, grid.line);
  if (in_kernel()) throw Error("a kernel is launched from a kernel", grid.file, grid.line);
  const auto arguments = std::make_shared<Arguments>(packed);
  issue(stream, [=] { run_kernel({grid, block, shared_bytes, packed.call, arguments->get(), ++launches}); });
}

}  // namespace tensor::emulator

using namespace tensor::emulator;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const std::lock_guard lock(mutex);
  *stream = new cudaStream;
  streams().all.insert(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  run_until(stream, stream->issued);
  streams().all.erase(stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  stream = or_legacy(stream);
  if (const cudaError_t error = refuse_in_capture(stream); error != cudaSuccess) return error;
  run_until(stream, stream->issued);
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  const std::lock_guard lock(mutex);
  for (const cudaStream_t stream : streams().all) {
    if (const cudaError_t error = refuse_in_capture(stream); error != cudaSuccess) return error;
    run_until(stream, stream->issued);
  }
  return cudaSuccess;
}

cudaError_t cudaMallocAsync(void** memory, size_t bytes, cudaStream_t) { return cudaMalloc(memory, bytes); }

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  stream = or_legacy(stream);
  if (stream->capture != nullptr) {
    stream->capture->freed.push_back(memory);
    return cudaSuccess;
  }
  return issue(stream, [memory] { free_now(memory); });
}

cudaError_t cudaFree(void* memory) {
  if (memory == nullptr) return cudaSuccess;
  if (const cudaError_t error = cudaDeviceSynchronize(); error != cudaSuccess) return error;
  return free_now(memory);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  const bool to_device = is_device_memory(to, bytes), from_device = is_device_memory(from, bytes);
  const bool as_said = (kind == cudaMemcpyHostToDevice && to_device && !from_device) ||
                       (kind == cudaMemcpyDeviceToHost && !to_device && from_device) ||
                       (kind == cudaMemcpyDeviceToDevice && to_device && from_device) || kind == cudaMemcpyDefault;
  if (!as_said) return note(cudaErrorInvalidValue);
  return issue(stream, [=] {
    const DeviceMemoryOpen open;
    std::memmove(to, from, bytes);
  });
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!is_device_memory(memory, bytes)) return note(cudaErrorInvalidValue);
  return issue(stream, [=] {
    const DeviceMemoryOpen open;
    std::memset(memory, value, bytes);
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new cudaEvent;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  stream = or_legacy(stream);
  if (stream->capture != nullptr) return cudaSuccess;
  const cudaError_t status = issue(stream, [event] {
    timespec now = {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    event->seconds = static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  });
  event->stream = stream;
  event->after = stream->issued;
  return status;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const std::lock_guard lock(mutex);
  if (event->stream != nullptr) run_until(event->stream, event->after);
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const std::lock_guard lock(mutex);
  if (event->stream == nullptr) return cudaSuccess;
  return issue(stream, [other = event->stream, after = event->after] { run_until(other, after); });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const std::lock_guard lock(mutex);
  if (start->stream == nullptr || end->stream == nullptr) return note(cudaErrorInvalidValue);
  if (start->stream->finished < start->after || end->stream->finished < end->after) return cudaErrorNotReady;
  *milliseconds = static_cast<float>(1e3 * (end->seconds - start->seconds));
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const std::lock_guard lock(mutex);
  if (stream == nullptr || stream->capture != nullptr) return note(cudaErrorStreamCaptureUnsupported);
  stream->capture = std::make_shared<cudaGraph>();
  stream->capture_broken = false;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(mutex);
  *graph = nullptr;
  if (stream == nullptr || stream->capture == nullptr) return note(cudaErrorInvalidValue);
  const std::shared_ptr<cudaGraph> captured = std::move(stream->capture);
  stream->capture = nullptr;
  if (stream->capture_broken) return note(cudaErrorStreamCaptureInvalidated);
  streams().graphs.push_back(captured);
  *graph = captured.get();
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const std::lock_guard lock(mutex);
  stream = or_legacy(stream);
  *status = stream->capture == nullptr ? cudaStreamCaptureStatusNone
            : stream->capture_broken   ? cudaStreamCaptureStatusInvalidated
                                       : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  const std::lock_guard lock(mutex);
  *executable = nullptr;
  for (const auto& known : streams().graphs)
    if (known.get() == graph) *executable = new cudaGraphExec{known};
  return *executable != nullptr ? cudaSuccess : note(cudaErrorInvalidValue);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  for (const Work& node : executable->graph->nodes)
    if (const cudaError_t error = issue(stream, node); error != cudaSuccess) return error;
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::lock_guard lock(mutex);
  auto& graphs = streams().graphs;
  for (auto known = graphs.begin(); known != graphs.end(); ++known)
    if (known->get() == graph) {
      graphs.erase(known);
      return cudaSuccess;
    }
  return note(cudaErrorInvalidValue);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  cudaDeviceSynchronize();
  delete executable;
  return cudaSuccess;
}
