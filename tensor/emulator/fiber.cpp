#include "tensor/emulator/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <boost/context/detail/fcontext.hpp>
#include <set>

#include "tensor/check.h"
#include "tensor/emulator/memory.h"

namespace tensor::emulator {
namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constexpr size_t stack_bytes = size_t{256} << 10;  // reserved address space: frames under AddressSanitizer are large
constexpr size_t guard_bytes = size_t{16} << 10;

struct Jump {
  Context *from, *to;
};

/// Called after a jump, on the destination's stack.
void arrive(transfer_t transfer) {
  const Jump jump = *static_cast<Jump*>(transfer.data);
  jump.from->place = transfer.fctx;
  const void* low = nullptr;
  size_t bytes = 0;
  finish_switch(jump.to->fake_stack, &low, &bytes);
  if (jump.from->stack_low == nullptr) {  // the host's stack, seen for the first time
    jump.from->stack_low = low;
    jump.from->stack_bytes = bytes;
  }
}

/// One body for all fibers, because a context takes no argument that could select another.
void (*body_of_fibers)() = nullptr;

void begin(transfer_t transfer) {
  arrive(transfer);
  body_of_fibers();
  __builtin_unreachable();
}

std::set<const char*>& guards() {
  static auto* all = new std::set<const char*>;
  return *all;
}

}  // namespace

void switch_context(Context& from, Context& to) {
  Jump jump = {&from, &to};
  start_switch(&from.fake_stack, to.stack_low, to.stack_bytes);
  arrive(jump_fcontext(to.place, &jump));
}

Fiber::Fiber(void (*body)()) {
  body_of_fibers = body;
  mapping_ = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(mapping_ != MAP_FAILED && mprotect(mapping_, guard_bytes, PROT_NONE) == 0,
        "emulator: out of memory for the stack of an emulated thread; launch smaller blocks or raise the memory limit");
  context.stack_low = static_cast<char*>(mapping_) + guard_bytes;
  // Stacks at equal offsets in their pages would compete for the same few cache lines.
  static size_t fibers = 0;
  context.stack_bytes = stack_bytes - fibers++ % 63 * 64;
  guards().insert(static_cast<const char*>(mapping_));
  restart();
}

Fiber::~Fiber() {
  guards().erase(static_cast<const char*>(mapping_));
  munmap(mapping_, guard_bytes + stack_bytes);
}

void Fiber::restart() {
  unpoison(context.stack_low, context.stack_bytes);
  context.fake_stack = nullptr;
  context.place = make_fcontext(const_cast<char*>(static_cast<const char*>(context.stack_high())), context.stack_bytes, begin);
}

bool is_below_a_stack(const void* address) {
  const char* at = static_cast<const char*>(address);
  auto after = guards().upper_bound(at);
  return after != guards().begin() && at < *--after + guard_bytes;
}

}  // namespace tensor::emulator
