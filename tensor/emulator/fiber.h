#pragma once
// Fibers: stacks between which one OS thread switches. Each switch is announced to AddressSanitizer, which tracks stack addresses.

#include <cstddef>

namespace tensor::emulator {

/// A suspended context: on the host's own stack, or on a fiber's.
struct Context {
  void* place = nullptr;            // Boost.Context's fcontext_t
  const void* stack_low = nullptr;  // lowest byte of the stack
  size_t stack_bytes = 0;
  void* fake_stack = nullptr;  // AddressSanitizer's

  const void* stack_high() const { return static_cast<const char*>(stack_low) + stack_bytes; }
};

/// Suspends into `from` and resumes `to`; from != to.
void switch_context(Context& from, Context& to);

/// A stack of its own, with an unmapped page below it.
class Fiber {
 public:
  /// body() is called on the first switch to it, and never returns; all fibers have the same.
  explicit Fiber(void (*body)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Discards the fiber's state: the next switch to it calls body() again.
  void restart();
  Context context;

 private:
  void* mapping_;
};

/// True when the address lies in the unmapped page below some fiber's stack.
bool is_below_a_stack(const void* address);

}  // namespace tensor::emulator
