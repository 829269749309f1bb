#pragma once
// AddressSanitizer's interface as functions: the emulator itself is compiled without AddressSanitizer, where its macros are empty.

#include <cstddef>

#ifdef EMULATOR_ASAN
extern "C" {
void __sanitizer_start_switch_fiber(void** fake_stack, const void* low, size_t bytes);
void __sanitizer_finish_switch_fiber(void* fake_stack, const void** low, size_t* bytes);
void __asan_poison_memory_region(const volatile void* begin, size_t bytes);
void __asan_unpoison_memory_region(const volatile void* begin, size_t bytes);
void* __asan_region_is_poisoned(void* begin, size_t bytes);
}
#endif

namespace tensor::emulator {

#ifdef EMULATOR_ASAN
inline void start_switch(void** fake_stack, const void* low, size_t bytes) { __sanitizer_start_switch_fiber(fake_stack, low, bytes); }
inline void finish_switch(void* fake_stack, const void** low, size_t* bytes) { __sanitizer_finish_switch_fiber(fake_stack, low, bytes); }
inline void poison(const void* begin, size_t bytes) { __asan_poison_memory_region(begin, bytes); }
inline void unpoison(const void* begin, size_t bytes) { __asan_unpoison_memory_region(begin, bytes); }
inline bool is_poisoned(const void* begin, size_t bytes) { return __asan_region_is_poisoned(const_cast<void*>(begin), bytes) != nullptr; }
#else
inline void start_switch(void**, const void*, size_t) {}
inline void finish_switch(void*, const void**, size_t*) {}
inline void poison(const void*, size_t) {}
inline void unpoison(const void*, size_t) {}
inline bool is_poisoned(const void*, size_t) { return false; }
#endif

}  // namespace tensor::emulator
