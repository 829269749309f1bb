#include "tensor/emulator/block.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <numeric>
#include <string_view>

#include "tensor/check.h"
#include "tensor/emulator/emulator.h"
#include "tensor/emulator/memory.h"
#include "tensor/emulator/shadow.h"
#include "tensor/emulator/watchdog.h"
#include "tensor/math.h"

constinit uint3 threadIdx = {}, blockIdx = {};
constinit dim3 blockDim = {}, gridDim = {};

namespace tensor::emulator {
namespace {

constexpr int most_threads = 1024;

struct KernelFailed {};  // unwinds the failing thread up to its fiber's first function

/// Small and fast; its quality does not matter.
struct Dice {
  uint64_t state = 1;
  void seed(uint64_t value) { state = (value + 1) * 0x9E3779B97F4A7C15ull | 1; }
  uint32_t below(uint32_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<uint32_t>(((state >> 32) * n) >> 32);
  }
};

/// The running block. Only its own OS thread touches it, under `launch_mutex`.
struct Block {
  const Launch* launch = nullptr;
  Context host;
  std::vector<Thread> threads;
  std::vector<int> runnable;  // not in any order
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Fiber*> idle;
  std::vector<std::vector<WarpOperation>> pending;  // by warp
  int count = 0, at_barrier = 0, done = 0, current = -1;
  Site barrier;
  Dice dice;
  std::string failure;
  bool failed = false;
};

Block& block() {
  static Block* instance = [] {
    shadow::allow_constant(&threadIdx, sizeof threadIdx);
    shadow::allow_constant(&blockIdx, sizeof blockIdx);
    shadow::allow_constant(&blockDim, sizeof blockDim);
    shadow::allow_constant(&gridDim, sizeof gridDim);
    return new Block;
  }();
  return *instance;
}
std::mutex launch_mutex;
thread_local bool on_a_kernel_thread = false;

void enter(Block& b, int thread, Fiber* fiber) {
  b.current = thread;
  b.threads[thread].fiber = fiber;
  threadIdx = b.threads[thread].index;
  shadow::set_thread(thread, thread / warpSize, fiber->context.stack_low, fiber->context.stack_high());
}

bool same_text(const char* a, const char* b) { return a == b || std::string_view(a) == b; }

/// Takes a random runnable thread.
int draw(Block& b) {
  const size_t at = b.dice.below(static_cast<uint32_t>(b.runnable.size()));
  const int thread = b.runnable[at];
  b.runnable[at] = b.runnable.back();
  b.runnable.pop_back();
  return thread;
}

void body_of_a_fiber();

Fiber* idle_fiber(Block& b) {
  if (b.idle.empty()) {
    b.fibers.push_back(std::make_unique<Fiber>(body_of_a_fiber));
    return b.fibers.back().get();
  }
  Fiber* fiber = b.idle.back();
  b.idle.pop_back();
  return fiber;
}

/// Resumes `thread` on its own fiber if it has one, else starts it on an idle fiber.
void switch_to(Block& b, Context& from, int thread) {
  Fiber* fiber = b.threads[thread].fiber;
  if (fiber == nullptr) fiber = idle_fiber(b);
  enter(b, thread, fiber);
  switch_context(from, fiber->context);
}

std::string thread_name(const Block& b, int thread) {
  const uint3 index = b.threads[thread].index;
  return fmt::format("({},{},{})", index.x, index.y, index.z);
}

std::string lanes_of(unsigned mask) {
  std::string text;
  for (int lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1u) == 0) continue;
    int last = lane;
    while (last < 31 && (mask >> (last + 1) & 1u) != 0) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", last > lane ? fmt::format("{}-{}", lane, last) : fmt::format("{}", lane));
    lane = last;
  }
  return text;
}

/// The reason why no thread can continue.
std::string describe_deadlock(const Block& b) {
  for (size_t warp = 0; warp < b.pending.size(); ++warp)
    for (const WarpOperation& operation : b.pending[warp]) {
      const unsigned missing = operation.mask & ~operation.arrived;
      unsigned gone = 0;
      Site elsewhere;
      for (int lane = 0; lane < warpSize; ++lane) {
        const int number = static_cast<int>(warp) * warpSize + lane;
        if ((missing >> lane & 1u) == 0 || number >= b.count) continue;
        if (b.threads[number].state == Thread::State::done)
          gone |= 1u << lane;
        else
          elsewhere = b.threads[number].site;
      }
      const std::string where =
          gone != 0 ? fmt::format("lanes {} have left the kernel", lanes_of(gone)) : fmt::format("they wait in {}", elsewhere.to_string());
      return fmt::format("lanes missing: lanes {} of warp {} wait in {} (mask {:08x}) for lanes {}; {}", lanes_of(operation.arrived), warp,
                         operation.site.to_string(), operation.mask, lanes_of(missing), where);
    }
  return fmt::format("divergent barrier: {} of {} threads wait in {}", b.at_barrier, b.count, b.barrier.to_string());
}

/// Blocks the current thread; returns when it may continue.
void wait(Block& b) {
  if (b.runnable.empty()) fail(describe_deadlock(b));
  const int self = b.current, next = draw(b);
  if (next == self) return;
  switch_to(b, b.threads[self].fiber->context, next);
}

void set_runnable(Block& b, int thread) {
  b.threads[thread].state = Thread::State::runnable;
  b.runnable.push_back(thread);
}

/// The current thread has reached the kernel's end.
void finish(Block& b) {
  Thread& thread = this_thread();
  land_copies(thread, thread.committed_groups + 1);
  thread.state = Thread::State::done;
  thread.fiber = nullptr;
  ++b.done;
  if (b.at_barrier > 0)
    fail(fmt::format("divergent barrier: thread {} has left the kernel while {} threads wait in {}", thread_name(b, b.current),
                     b.at_barrier, b.barrier.to_string()));
}

/// Runs threads from their first line, one after the other, until one of them waits.
void body_of_a_fiber() {
  Block& b = block();
  Fiber* const self = b.threads[b.current].fiber;
  for (;;) {
    // Only this thread's stack is unwound; the stacks of waiting threads hold nothing that needs a destructor.
    try {
      b.launch->call(b.launch->arguments);
      finish(b);
      if (b.runnable.empty() && b.done < b.count) fail(describe_deadlock(b));
    } catch (const KernelFailed&) {
      b.failed = true;
    } catch (...) {
      b.failed = true;
      b.failure = fmt::format("an exception left {}", position());
    }
    if (b.failed || b.runnable.empty()) {
      b.idle.push_back(self);
      switch_context(self->context, b.host);
      continue;
    }
    const int next = draw(b);
    if (b.threads[next].fiber == nullptr) {
      enter(b, next, self);
      continue;
    }
    b.idle.push_back(self);
    switch_to(b, self->context, next);
  }
}

/// Resets the fibers that were left in the middle of a kernel.
void abandon(Block& b) {
  b.idle.clear();
  for (const auto& fiber : b.fibers) {
    fiber->restart();
    b.idle.push_back(fiber.get());
  }
}

void run_block(Block& b, uint3 index, uint64_t number) {
  blockIdx = index;
  b.count = static_cast<int>(blockDim.x * blockDim.y * blockDim.z);
  if (b.threads.empty()) b.threads.resize(most_threads);
  b.pending.resize(static_cast<size_t>(ceil_div(b.count, warpSize)));
  for (auto& operations : b.pending) operations.clear();
  b.runnable.clear();
  for (int i = 0; i < b.count; ++i) {
    Thread& thread = b.threads[i];
    const auto n = static_cast<unsigned>(i);
    thread.index = {n % blockDim.x, n / blockDim.x % blockDim.y, n / blockDim.x / blockDim.y};
    thread.fiber = nullptr;
    thread.state = Thread::State::runnable;
    thread.copies.clear();
    thread.committed_groups = 0;
    b.runnable.push_back(i);
  }
  b.at_barrier = b.done = 0;
  b.dice.seed(settings().seed + 1000003 * (b.launch->number + 7919 * number));

  begin_shared(b.launch->shared_bytes);
  shadow::begin_block(number);
  on_a_kernel_thread = true;
  switch_to(b, b.host, draw(b));
  on_a_kernel_thread = false;
  b.current = -1;
  shadow::set_thread(-1, -1, nullptr, nullptr);
  shadow::end_block();
  end_shared();
}

}  // namespace

std::string Site::to_string() const { return *file == 0 ? std::string(what) : fmt::format("{} at {}:{}", what, file, line); }

bool in_kernel() { return on_a_kernel_thread; }
Thread& this_thread() { return block().threads[block().current]; }
int this_thread_number() { return block().current; }
int this_lane() { return block().current % warpSize; }

std::string position() {
  const Block& b = block();
  if (b.launch == nullptr || b.current < 0) return "no kernel";
  return fmt::format("block ({},{},{}), thread {} of the kernel launched at {}:{}", blockIdx.x, blockIdx.y, blockIdx.z,
                     thread_name(b, b.current), b.launch->grid.file, b.launch->grid.line);
}

void fail(const std::string& message) {
  Block& b = block();
  b.failure = fmt::format("{}; in {}", message, position());
  throw KernelFailed{};
}

void run_kernel(const Launch& launch) {
  const std::lock_guard lock(launch_mutex);
  Block& b = block();
  b.launch = &launch;
  blockDim = launch.block;
  gridDim = dim3(static_cast<unsigned>(launch.grid.x), static_cast<unsigned>(launch.grid.y), static_cast<unsigned>(launch.grid.z));
  const DeviceMemoryOpen open;
  const Watchdog watchdog;
  shadow::begin_launch(launch.grid.file, launch.grid.line);
  // i -> (first + i step) mod count visits each block once where step and count have no common factor.
  const uint64_t count = static_cast<uint64_t>(launch.grid.x) * static_cast<uint64_t>(launch.grid.y) * static_cast<uint64_t>(launch.grid.z);
  b.dice.seed(settings().seed + 1000003 * launch.number);
  uint64_t step = 1 + b.dice.below(static_cast<uint32_t>(std::min<uint64_t>(count, 1u << 20)));
  while (std::gcd(step, count) != 1) ++step;
  const uint64_t first = b.dice.below(static_cast<uint32_t>(std::min<uint64_t>(count, 1u << 20)));
  for (uint64_t i = 0; i < count && !b.failed; ++i) {
    const uint64_t number = (first + i * step) % count;
    run_block(b,
              {static_cast<unsigned>(number % gridDim.x), static_cast<unsigned>(number / gridDim.x % gridDim.y),
               static_cast<unsigned>(number / gridDim.x / gridDim.y)},
              number);
  }
  b.launch = nullptr;
  std::string message = shadow::take_report();
  if (b.failed) {
    b.failed = false;
    message = std::move(b.failure);
    b.failure.clear();
    abandon(b);
  }
  if (!message.empty()) throw Error(message, launch.grid.file, launch.grid.line);
}

void warp_operation(unsigned mask, const Site& site, void* operand, void (*complete)(WarpOperation& operation)) {
  Block& b = block();
  const int lane = this_lane(), warp = b.current / warpSize;
  if ((mask >> lane & 1u) == 0) fail(fmt::format("{}: lane {} is not in its own mask {:08x}", site.to_string(), lane, mask));
  const int lanes_there = std::min(warpSize, b.count - warp * warpSize);
  const unsigned there = lanes_there == 32 ? ~0u : (1u << lanes_there) - 1;
  auto& pending = b.pending[warp];
  WarpOperation* operation = nullptr;
  for (WarpOperation& other : pending) {
    if ((other.mask & mask) == 0) continue;
    if (other.mask != mask)
      fail(fmt::format("lanes disagree: lane {} is in {} with mask {:08x}, lanes {} wait in {} with mask {:08x}", lane, site.to_string(),
                       mask, lanes_of(other.arrived), other.site.to_string(), other.mask));
    if (!same_text(other.site.what, site.what))
      fail(fmt::format("lanes disagree: lane {} is in {}, lanes {} wait in {}", lane, site.to_string(), lanes_of(other.arrived),
                       other.site.to_string()));
    operation = &other;
  }
  if (operation == nullptr) operation = &pending.emplace_back(WarpOperation{mask, 0, site, {}});
  operation->arrived |= 1u << lane;
  operation->operands[lane] = operand;
  Thread& self = this_thread();
  self.site = site;
  self.state = Thread::State::in_warp_operation;
  if (operation->arrived == (mask & there)) {
    WarpOperation finished = *operation;
    *operation = pending.back();
    pending.pop_back();
    if (complete != nullptr) complete(finished);
    for (int other = 0; other < warpSize; ++other)
      if ((finished.arrived >> other & 1u) != 0) set_runnable(b, warp * warpSize + other);
  }
  wait(b);
}

}  // namespace tensor::emulator

using namespace tensor::emulator;

void __syncthreads(const char* file, int line) {
  Block& b = block();
  const Site site = {"__syncthreads", file, line};
  if (b.done > 0)
    fail(fmt::format("divergent barrier: {} of {} threads have left the kernel before {}", b.done, b.count, site.to_string()));
  if (b.at_barrier > 0 && (b.barrier.line != line || !same_text(b.barrier.file, file)))
    fail(fmt::format("divergent barrier: thread {} is in {}, {} threads wait in {}", thread_name(b, b.current), site.to_string(),
                     b.at_barrier, b.barrier.to_string()));
  b.barrier = site;
  this_thread().site = site;
  this_thread().state = Thread::State::at_barrier;
  if (++b.at_barrier == b.count) {
    b.at_barrier = 0;
    shadow::barrier(file, line);
    for (int thread = 0; thread < b.count; ++thread) set_runnable(b, thread);
  }
  wait(b);
}

void __syncwarp(unsigned mask, const char* file, int line) {
  warp_operation(mask, {"__syncwarp", file, line}, nullptr, [](WarpOperation& operation) {
    const Block& b = block();
    const int warp = b.current / warpSize, lanes_there = std::min(warpSize, b.count - warp * warpSize);
    // Only a __syncwarp() of the whole warp orders memory in this model; one of a part of it orders nothing.
    if (__builtin_popcount(operation.arrived) == lanes_there) shadow::warp_barrier(warp);
  });
}
