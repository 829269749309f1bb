#pragma once
// CUDA graphs: work that is recorded once and replayed with one call, so that a step of a hundred kernels costs one launch.
//
//   Tensor y;
//   y_of_x();                                    // a first call outside: its one-time setup is not recorded
//   cuda::Graph step(device, [&] { y = y_of_x(); });
//   x = ...                                      // in place: the graph reads the recorded addresses
//   step.replay();                               // y holds the result
//
// A graph records kernels, their arguments and addresses. A number that is passed by value is therefore frozen at the capture: values that
// change per step (learning rate, step number) live in device memory, written by a kernel outside the graph. No other thread may use the
// device during a capture, because its launches would be recorded and not run. Memory that the function allocates and frees belongs to the
// graph until the graph is destroyed (tensor/cuda/pool.h); tensors from outside must outlive the graph.

#include <cstdint>
#include <functional>

#include "tensor/cuda/launch.h"
#include "tensor/device.h"

namespace tensor::cuda {

class Graph {
 public:
  /// Records the work that `function` issues on the device's stream; it first runs at the first replay. Error: a copy from or to the host,
  /// or a wait. With MODE_SYNC=1 nothing is recorded and each replay calls the function, so that an error names the failing kernel.
  Graph(Device device, std::function<void()> function);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// Issues the recorded work, in order with all other work on the device; does not wait for it.
  void replay();
  bool is_recorded() const { return executable_ != nullptr; }

 private:
  void capture();

  Device device_;
  std::function<void()> function_;  // kept, because its captures may own memory that the graph uses
  uint64_t memory_ = 0;
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace tensor::cuda
