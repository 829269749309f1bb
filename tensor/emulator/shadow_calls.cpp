// The functions that g++ -fsanitize=thread calls, in place of TSan's library. The host code of a .cu file calls them too, from any OS
// thread; for it only the atomic operations do something, because g++ emits them as calls.

#ifdef EMULATOR_RACES

#include "tensor/emulator/shadow_cells.h"

using tensor::emulator::shadow::Access;
using tensor::emulator::shadow::caller;
using tensor::emulator::shadow::check_any;
using tensor::emulator::shadow::own_stack;
using tensor::emulator::shadow::slot_of_code;

namespace {

template <Access access, size_t bytes>
[[gnu::always_inline]] inline void check(const volatile void* address, uintptr_t code) {
  const auto number = reinterpret_cast<uintptr_t>(address);
  if (number - own_stack.low < own_stack.bytes) [[likely]]
    return;
  tensor::emulator::shadow::check<access, bytes>(number, slot_of_code(code), code);
}

void check_range(const void* address, size_t bytes, Access access, uintptr_t code) {
  const auto number = reinterpret_cast<uintptr_t>(address);
  if (bytes > 0 && number - own_stack.low >= own_stack.bytes) check_any(number, bytes, access, slot_of_code(code), code);
}

}  // namespace

#define ACCESS(name_, access_, bytes_) \
  void __tsan_##name_##bytes_(void* address) { check<access_, bytes_>(address, caller()); }
#define ACCESSES(name_, access_) \
  ACCESS(name_, access_, 1) ACCESS(name_, access_, 2) ACCESS(name_, access_, 4) ACCESS(name_, access_, 8) ACCESS(name_, access_, 16)

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void**) {}
void __tsan_vptr_update(void**, void*) {}

ACCESSES(read, Access::read)
ACCESSES(write, Access::write)
ACCESSES(unaligned_read, Access::read)
ACCESSES(unaligned_write, Access::write)
ACCESSES(volatile_read, Access::read)
ACCESSES(volatile_write, Access::write)
ACCESSES(unaligned_volatile_read, Access::read)
ACCESSES(unaligned_volatile_write, Access::write)

void __tsan_read_range(void* address, size_t bytes) { check_range(address, bytes, Access::read, caller()); }
void __tsan_write_range(void* address, size_t bytes) { check_range(address, bytes, Access::write, caller()); }

// Orders are ignored: all are sequentially consistent.
#define NOTE check<Access::atomic, sizeof(*address)>(address, caller())
#define ATOMIC(bits_, type_)                                                     \
  type_ __tsan_atomic##bits_##_load(const volatile type_* address, int) {        \
    NOTE;                                                                        \
    return __atomic_load_n(address, __ATOMIC_SEQ_CST);                           \
  }                                                                              \
  void __tsan_atomic##bits_##_store(volatile type_* address, type_ value, int) { \
    NOTE;                                                                        \
    __atomic_store_n(address, value, __ATOMIC_SEQ_CST);                          \
  }                                                                              \
  ATOMIC_OPERATION(bits_, type_, exchange, exchange_n)                           \
  ATOMIC_OPERATION(bits_, type_, fetch_add, fetch_add)                           \
  ATOMIC_OPERATION(bits_, type_, fetch_sub, fetch_sub)                           \
  ATOMIC_OPERATION(bits_, type_, fetch_and, fetch_and)                           \
  ATOMIC_OPERATION(bits_, type_, fetch_or, fetch_or)                             \
  ATOMIC_OPERATION(bits_, type_, fetch_xor, fetch_xor)                           \
  ATOMIC_OPERATION(bits_, type_, fetch_nand, fetch_nand)                         \
  ATOMIC_COMPARISON(bits_, type_, strong)                                        \
  ATOMIC_COMPARISON(bits_, type_, weak)
#define ATOMIC_OPERATION(bits_, type_, name_, builtin_)                             \
  type_ __tsan_atomic##bits_##_##name_(volatile type_* address, type_ value, int) { \
    NOTE;                                                                           \
    return __atomic_##builtin_(address, value, __ATOMIC_SEQ_CST);                   \
  }
#define ATOMIC_COMPARISON(bits_, type_, name_)                                                                             \
  int __tsan_atomic##bits_##_compare_exchange_##name_(volatile type_* address, type_* expected, type_ desired, int, int) { \
    NOTE;                                                                                                                  \
    return __atomic_compare_exchange_n(address, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);             \
  }

ATOMIC(8, unsigned char)
ATOMIC(16, unsigned short)
ATOMIC(32, unsigned)
ATOMIC(64, unsigned long)

void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

}  // extern "C"

#endif
