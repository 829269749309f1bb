#pragma once
// Race detection in kernels. g++ -fsanitize=thread calls a function before each load and store of a kernel (shadow.cpp defines these
// functions; TSan's library is not linked). The emulator reports the begin and end of threads, blocks, launches and barriers, and its own
// reads and writes for them. Without EMULATOR_RACES all functions are empty.
//
// Accesses are ordered by __syncthreads() within a block, by __syncwarp() of a full warp within the warp, and by the end of a kernel.
// Hazards: two unordered accesses to a byte by threads of one block, one of them a write; the same by two blocks of a launch, unless both
// are atomic; a read of shared memory that the block has not written; an access to the destination of a cp.async before its issuer waited
// for it; an access that is neither to shared or device memory, nor to the thread's own stack, nor to constants.

#include <cstddef>
#include <cstdint>
#include <string>

namespace tensor::emulator::shadow {

enum class Space { shared, device };

#ifdef EMULATOR_RACES

/// A new kernel: accesses to device memory by earlier launches are ordered before it.
void begin_launch(const char* file, int line);
/// Marks shared memory as unwritten.
void begin_block(uint64_t block_number);
void end_block();
/// The thread that runs from now on, and its stack [low, high); thread < 0: the host, which is not checked.
void set_thread(int thread, int warp, const void* stack_low, const void* stack_high);
/// A __syncthreads() of the whole block is complete.
void barrier(const char* file, int line);
/// A __syncwarp() of all lanes of the warp is complete.
void warp_barrier(int warp);

/// Memory that kernels may touch: an allocation, or one array in shared memory. The name is for messages, and must outlive the region.
void add_region(Space space, const void* begin, size_t bytes, const char* name);
void remove_region(const void* begin);
/// Memory that every thread may read: kernel arguments, threadIdx and the like.
void allow_constant(const void* begin, size_t bytes);
void disallow_constant(const void* begin);

// Accesses by the emulator for the current thread.
void read(const void* address, size_t bytes);
void write(const void* address, size_t bytes);
void atomic(const void* address, size_t bytes);
/// The destination of a cp.async is in flight until its issuer has waited; then it is written by the issuer.
void async_issue(const void* shared, size_t bytes, uint64_t copy_id);
void async_land(const void* shared, size_t bytes, uint64_t copy_id);

/// The first hazard since the last call, in one line; "" if there was none.
std::string take_report();
/// Checked so far.
int64_t accesses();

#else

inline void begin_launch(const char*, int) {}
inline void begin_block(uint64_t) {}
inline void end_block() {}
inline void set_thread(int, int, const void*, const void*) {}
inline void barrier(const char*, int) {}
inline void warp_barrier(int) {}
inline void add_region(Space, const void*, size_t, const char*) {}
inline void remove_region(const void*) {}
inline void allow_constant(const void*, size_t) {}
inline void disallow_constant(const void*) {}
inline void read(const void*, size_t) {}
inline void write(const void*, size_t) {}
inline void atomic(const void*, size_t) {}
inline void async_issue(const void*, size_t, uint64_t) {}
inline void async_land(const void*, size_t, uint64_t) {}
inline std::string take_report() { return ""; }
inline int64_t accesses() { return 0; }

#endif

}  // namespace tensor::emulator::shadow
