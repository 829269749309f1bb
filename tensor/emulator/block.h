#pragma once
// One block of a kernel: its threads, the runnable ones, and the waits of the others. One block runs at a time, on one OS thread. Each wait
// switches to another thread of the block, drawn at random from a seed, so that a kernel cannot rely on an order it is not guaranteed.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/emulator/fiber.h"
#include "tensor/emulator/kernel_language.h"

namespace tensor::emulator {

struct AsyncCopy {
  void* to;
  const void* from;
  int bytes;
  bool from_there;
  int64_t group;
  uint64_t id;
};

struct Site {
  const char* what = "";
  const char* file = "";
  int line = 0;
  std::string to_string() const;
};

/// A CUDA thread. It gets a fiber when it first waits; threads that never wait share one.
struct Thread {
  uint3 index = {};
  Fiber* fiber = nullptr;
  enum class State : uint8_t { runnable, at_barrier, in_warp_operation, done } state = State::runnable;
  Site site;  ///< where it waits
  std::vector<AsyncCopy> copies;
  int64_t committed_groups = 0;
};

/// Lanes of a warp that have arrived at one operation of the lanes in `mask`.
struct WarpOperation {
  unsigned mask = 0, arrived = 0;
  Site site;
  std::array<void*, 32> operands = {};
};

struct Launch {
  LaunchGrid grid;
  dim3 block;
  size_t shared_bytes;
  void (*call)(const void* packed);
  const void* arguments;
  uint64_t number;
};

/// Runs all blocks. Error: behavior that is undefined on a device, or that would hang it.
void run_kernel(const Launch& launch);

// For the primitives, called on a thread of the running block.
bool in_kernel();
Thread& this_thread();
int this_thread_number();
int this_lane();
/// Ends the kernel: run_kernel() throws the message with block, thread and launch.
[[noreturn]] void fail(const std::string& message);
/// Waits for every lane of `mask`; the last to arrive calls complete(operands of all lanes, mask) before any continues.
void warp_operation(unsigned mask, const Site& site, void* operand, void (*complete)(WarpOperation& operation));
/// Copies of the current thread whose group is older than `group`.
void land_copies(Thread& thread, int64_t before_group);

/// The running block and thread, for the watchdog: "block (1,0,0), thread (5,0,0) of the kernel launched at a.cu:12".
std::string position();

}  // namespace tensor::emulator
