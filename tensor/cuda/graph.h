#pragma once
// Work that is recorded once and issued again with one call: a step of a hundred kernels then costs one launch.
//
//   Tensor y;
//   y_of_x();                                    // once before: what is made at a first call is not recorded
//   cuda::Graph step(device, [&] { y = y_of_x(); });
//   x = ...                                      // written in place: the graph reads the addresses that it saw
//   step.replay();                               // y holds the result
//
// Recorded are kernels, their arguments and addresses. So a number that is passed by value is frozen at the capture: what varies by step
// (the learning rate, the step's number) lives in device memory, where a kernel outside the graph writes it. Nobody else may work on
// the device during a capture: what another thread launched there would be recorded too, and not run. What the function
// allocates and frees belongs to the graph until it is destroyed (tensor/cuda/pool.h); tensors from outside must live as long as it does.

#include <cstdint>
#include <functional>

#include "tensor/cuda/api.h"
#include "tensor/device.h"

namespace tensor::cuda {

class Graph {
 public:
  /// Records what `function` issues on the device's stream; none of it runs before the first replay. Copies from and to the host, and
  /// waits, are Errors within it. With MODE_SYNC=1 nothing is recorded, and each replay calls the function, so that a failing kernel is
  /// named.
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
  std::function<void()> function_;  // lives on: what it has captured by value may be memory that the graph uses
  uint64_t memory_ = 0;
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace tensor::cuda
