#pragma once
// Shadow memory: a cell for each granule of a region says who wrote and who read it last. What is common is decided here, inline in the
// functions that g++ calls (shadow_calls.cpp); everything else is in shadow.cpp.
//
// One counter numbers all barriers, blocks and launches, so that the time of a record tells how far back it lies: before this launch, in an
// earlier block of it, before this block's last barrier, or in this interval. Cells are never cleared.

#include <array>
#include <cstddef>
#include <cstdint>

#include "tensor/emulator/shadow.h"

namespace tensor::emulator::shadow {

// A record is time << 16 | flags | thread. "Several" flags say that the thread stands for more than itself; they are set where no later
// access could tell the difference.
using Record = uint64_t;
constexpr int time_shift = 16;
constexpr Record thread_bits = 1023;
constexpr Record several_of_warp = 1 << 10;                  // unordered among themselves
constexpr Record several_warps = 1 << 11;                    // of one block, in one interval
constexpr Record several_blocks = 1 << 12;                   // of one launch
constexpr Record by_atomic = 1 << 13;                        // in Cell::written
constexpr Record after_plain = 1 << 14;                      // with by_atomic: the same block wrote plainly before
constexpr Record in_flight = (Record{1} << 63) | (1 << 15);  // in Cell::written: by a cp.async that was not waited for

struct Cell {
  Record written, read;
};

/// Granules are as fine as the finest access so far: 1 << shift bytes, at most 16. Their number changes seldom, and it makes every access
/// exact to the byte at the cost of one cell for most.
struct Region {
  uintptr_t begin = 0;
  size_t bytes = 0;            // 0: removed
  size_t misfit = ~size_t{0};  // bits of an offset or size that need a finer granule; all, while there are no cells
  int shift = 0;
  bool is_shared = false, is_constant = false;
  Cell* cells = nullptr;
  size_t cell_count = 0;
  const char* name = "";
};

enum class Access { read, write, atomic };

/// The stack of the running thread: the whole address space while the host runs, so that one comparison lets it pass.
struct OwnStack {
  uintptr_t low = 0;
  size_t bytes = ~size_t{0};
};
extern constinit thread_local OwnStack own_stack;

/// The running kernel. One runs at a time.
struct State {
  Record launch = 0, block = 0, interval = 0;  // begin of each, as the least record in it
  Record mine = 0;                             // of an access by the running thread now
  std::array<Record, 32> warps = {};           // the last __syncwarp() of each warp
  int64_t accesses = 0;
};
extern constinit State state;

/// Where the running thread is, for reports.
struct Position {
  const char* launch_file = "";
  int launch_line = 0;
  uint64_t block = 0;
  const char* barrier_file = "";
  int barrier_line = 0;  // 0: the block has passed none
};
extern constinit Position position;
/// The block that ran at the time of a record of this launch.
uint64_t block_at(Record record);

/// The region that an instruction touched last is mostly the one that it touches now. The emulator's own accesses go by their address.
constexpr size_t slots = 1024;
extern constinit std::array<Region*, slots> region_of_code;
inline size_t slot_of_code(uintptr_t code) { return (code >> 2) % slots; }
inline size_t slot_of_address(uintptr_t address) { return (address >> 8) % slots; }

/// The return address of the function that it stands in.
[[gnu::always_inline]] inline uintptr_t caller() { return reinterpret_cast<uintptr_t>(__builtin_return_address(0)); }

/// Finds the region and makes its granules fine enough; nullptr where there is nothing more to check.
Region* fit_region(uintptr_t address, size_t bytes, Access access, size_t slot, uintptr_t code);
/// Anything that the comparisons below do not settle.
void settle(Cell& cell, const Region& region, size_t cell_no, Access access, uintptr_t code);

enum class Hazard { unwritten, in_flight, after_read, after_write, after_atomic };
void report_hazard(Hazard kind, const Region& region, size_t offset, Access access, Record other, uintptr_t code);
void report_constant(const Region& region, Access access, uintptr_t code);
/// `before` and `after`: the regions about the address, nullptr where there is none.
void report_outside(uintptr_t address, size_t bytes, Access access, const Region* before, const Region* after, uintptr_t code);

/// While one lives, nothing is checked: of a function that a kernel's file and the checker both instantiate, the linker may keep the
/// former's, which calls the checker.
class AsHost {
 public:
  AsHost() : saved_(own_stack) { own_stack = {}; }
  ~AsHost() { own_stack = saved_; }
  AsHost(const AsHost&) = delete;
  AsHost& operator=(const AsHost&) = delete;

 private:
  OwnStack saved_;
};

inline bool is_before_interval_of_block(Record record) { return record - state.block < state.interval - state.block; }
/// By the running thread, alone and plainly, in this interval.
inline bool is_mine(Record record) {
  return record >= state.interval && static_cast<uint16_t>(record) == static_cast<uint16_t>(state.mine);
}

template <Access access>
inline void check_cell(Cell& cell, const Region& region, size_t cell_no, uintptr_t code) {
  const Record written = cell.written, read = cell.read;
  const Record oldest = region.is_shared ? state.block : state.launch;  // records before it say nothing
  if constexpr (access == Access::read) {
    if (written < oldest ? !region.is_shared : is_before_interval_of_block(written) || is_mine(written)) {
      if (read >= state.interval && (read & (several_warps | several_blocks))) return;
      if (read >= state.launch && (read & several_blocks)) return;
      if (read < oldest || is_before_interval_of_block(read) || is_mine(read)) {
        cell.read = state.mine;
        return;
      }
    }
  } else if constexpr (access == Access::write) {
    if (written < oldest || is_before_interval_of_block(written) || is_mine(written)) {
      if (read < oldest || ((read & several_blocks) == 0 && is_before_interval_of_block(read)) || is_mine(read)) {
        cell.written = state.mine;
        return;
      }
    }
  }
  settle(cell, region, cell_no, access, code);
}

/// function(cell, region, number of the cell) for each cell of the bytes, unless they are the thread's own stack or must not be touched.
template <class Function>
inline void for_cells(uintptr_t address, size_t bytes, Access access, size_t slot, uintptr_t code, const Function& function) {
  if (address - own_stack.low < own_stack.bytes) return;
  ++state.accesses;
  Region* region = region_of_code[slot];
  size_t offset = address - region->begin;
  if (offset >= region->bytes || region->bytes - offset < bytes || ((offset | bytes) & region->misfit)) [[unlikely]] {
    region = fit_region(address, bytes, access, slot, code);
    if (region == nullptr) return;
    offset = address - region->begin;
  }
  const size_t end = (offset + bytes) >> region->shift;
  for (size_t i = offset >> region->shift; i < end; ++i) function(region->cells[i], *region, i);
}

template <Access access>
inline void check(uintptr_t address, size_t bytes, size_t slot, uintptr_t code) {
  for_cells(address, bytes, access, slot, code,
            [=](Cell& cell, const Region& region, size_t cell_no) { check_cell<access>(cell, region, cell_no, code); });
}

}  // namespace tensor::emulator::shadow
