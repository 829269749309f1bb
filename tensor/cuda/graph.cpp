#include "tensor/cuda/graph.h"

#include <exception>
#include <utility>

#include "tensor/check.h"
#include "tensor/cuda/cuda.h"
#include "tensor/cuda/launch.h"
#include "tensor/cuda/pool.h"

namespace tensor::cuda {

Graph::Graph(Device device, std::function<void()> function) : device_(device), function_(std::move(function)) {
  CHECK(!device.is_cpu(), "a graph is captured on a CUDA device; on the cpu call the function");
  CHECK(function_ != nullptr, "a graph needs a function to record");
  if (is_synchronous()) return;
  // After this, no earlier work uses memory that is released during the capture.
  synchronize(device.index);
  memory_ = begin_capture(device.index);
  try {
    capture();
  } catch (...) {
    release_captured(device.index, memory_);
    throw;
  }
}

void Graph::capture() {
  const cudaStream_t stream = stream_of(device_);
  cudaGraph_t graph = nullptr;
  std::exception_ptr failure;
  cudaError_t ended = cudaSuccess;
  // Relaxed: the pool may allocate device memory during the capture.
  const cudaError_t begun = cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed);
  if (begun == cudaSuccess) {
    try {
      function_();
    } catch (...) {
      failure = std::current_exception();
    }
    ended = cudaStreamEndCapture(stream, &graph);
    if (ended != cudaSuccess) cudaGetLastError();
  }
  end_capture(device_.index);
  cudaError_t instantiated = cudaSuccess;
  if (graph != nullptr) {
    if (failure == nullptr && ended == cudaSuccess) instantiated = cudaGraphInstantiate(&executable_, graph, 0);
    CUDA_CHECK(cudaGraphDestroy(graph));
  }
  if (failure != nullptr) std::rethrow_exception(failure);
  check_success(begun, "cudaStreamBeginCapture", __FILE__, __LINE__);
  check_success(ended, "cudaStreamEndCapture", __FILE__, __LINE__);
  check_success(instantiated, "cudaGraphInstantiate", __FILE__, __LINE__);
}

Graph::~Graph() {
  if (executable_ == nullptr) return;
  try {
    // A replay may still run. During the capture of another graph no wait is allowed, and the blocks go to that graph.
    const cudaStream_t stream = stream_of(device_);
    if (!is_capturing(device_.index)) CUDA_CHECK(cudaStreamSynchronize(stream));
    CUDA_CHECK(cudaGraphExecDestroy(executable_));
  } catch (const std::exception&) {
    // A kernel failed. A destructor cannot report it; the next call on the device does.
  }
  release_captured(device_.index, memory_);
}

void Graph::replay() {
  if (!is_recorded()) return function_();
  CUDA_CHECK(cudaGraphLaunch(executable_, stream_of(device_)));
}

}  // namespace tensor::cuda
