#pragma once
// Fibers: stacks between which one OS thread switches. AddressSanitizer is told of each switch, so that it knows whose locals it sees.

#include <cstddef>

namespace tensor::emulator {

/// A place to go on at: the host's own stack, or a fiber's.
struct Context {
  void* place = nullptr;            // Boost.Context's fcontext_t
  const void* stack_low = nullptr;  // lowest byte of the stack
  size_t stack_bytes = 0;
  void* fake_stack = nullptr;  // AddressSanitizer's

  const void* stack_high() const { return static_cast<const char*>(stack_low) + stack_bytes; }
};

/// Leaves `from` as the place to come back to and goes on at `to`. Never with from == to.
void switch_context(Context& from, Context& to);

/// A stack of its own, with an unmapped page below it.
class Fiber {
 public:
  /// body() is called on the first switch to it, and never returns; all fibers have the same.
  explicit Fiber(void (*body)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Forgets what the fiber was doing: the next switch to it calls body() again.
  void restart();
  Context context;

 private:
  void* mapping_;
};

/// True when the address lies in the unmapped page below some fiber's stack.
bool is_below_a_stack(const void* address);

}  // namespace tensor::emulator
