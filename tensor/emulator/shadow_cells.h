#pragma once
// Shadow memory: a cell per granule of a region records the last writer and the last reader. The common cases are decided here, inline in
// the functions that g++ calls (shadow_calls.cpp); shadow.cpp handles the others.
//
// One counter numbers all barriers, blocks and launches, so that the time of a record classifies it: before this launch, in an earlier block,
// before this block's last barrier, or in this interval. Cells are never cleared.

#include <array>
#include <cstddef>
#include <cstdint>

#include "tensor/emulator/shadow.h"

namespace tensor::emulator::shadow {

// A record is time << 16 | flags | thread. A "several" flag means that the thread represents others too; it is set where no later access
// could distinguish them.
using Record = uint64_t;
constexpr int time_shift = 16;
constexpr Record thread_bits = 1023, warp_bits = 1023 - 31;
constexpr Record several_of_warp = 1 << 10;                  // unordered among themselves
constexpr Record several_warps = 1 << 11;                    // of one block, in one interval
constexpr Record several_blocks = 1 << 12;                   // of one launch
constexpr Record by_atomic = 1 << 13;                        // in Cell::written
constexpr Record after_plain = 1 << 14;                      // with by_atomic: the same block wrote plainly before
constexpr Record in_flight = (Record{1} << 63) | (1 << 15);  // in Cell::written: by a cp.async that was not waited for

struct Cell {
  Record written, read;
};

/// Granules are as fine as the finest access so far, at most 16 bytes. Every access is exact to the byte, and most need one cell.
struct Region {
  uintptr_t begin = 0;
  size_t whole_bytes = 0;  // of whole granules; 0: removed, constant, or without cells so far
  size_t granule = 0;
  Cell* cells = nullptr;
  bool is_shared = false, is_constant = false;
  size_t bytes = 0, cell_count = 0;
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
  Record warp_interval = 0;                    // begin of what no barrier has ordered yet for its warp
  std::array<Record, 32> warps = {};           // the last __syncwarp() of each warp
  int64_t accesses = 0;
};
extern constinit State state;

/// The running thread's position, for reports.
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

/// Cache of the region that an instruction accessed last, which is mostly the next one too. The emulator's accesses use their address.
constexpr size_t slots = 1024;
extern constinit std::array<Region*, slots> region_of_code;
inline size_t slot_of_code(uintptr_t code) { return (code >> 2) % slots; }
inline size_t slot_of_address(uintptr_t address) { return (address >> 8) % slots; }

/// The return address of the enclosing function.
[[gnu::always_inline]] inline uintptr_t caller() { return reinterpret_cast<uintptr_t>(__builtin_return_address(0)); }

/// Any access, of any size and place.
void check_any(uintptr_t address, size_t bytes, Access access, size_t slot, uintptr_t code);
/// Finds the region and makes its granules fine enough; nullptr if there is nothing to check.
Region* fit_region(uintptr_t address, size_t bytes, Access access, size_t slot, uintptr_t code);
/// Reports the hazard if the access is one, and notes it in the cell.
void settle(Cell& cell, const Region& region, Access access, uintptr_t code);

enum class Hazard { unwritten, in_flight, after_read, after_write, after_atomic };
void report_hazard(Hazard kind, const Region& region, const Cell& cell, Access access, Record other, uintptr_t code);
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

/// The record of the running thread and of those that read before it: the least that a later writer needs to know.
inline Record joined(Record record, Record oldest) {
  const Record mine = state.mine;
  if (record >= state.interval) {
    if (record & (several_warps | several_blocks)) return record;
    if ((record ^ mine) & warp_bits) return mine | several_warps;
    if (record < state.warp_interval) return mine;
    if (record & several_of_warp) return record;
    return (record ^ mine) & thread_bits ? mine | several_of_warp : mine;
  }
  if (record < oldest) return mine;
  if (record & several_blocks) return record;
  return record >= state.block ? mine : mine | several_blocks;
}

/// Notes the access and returns true, or leaves it to settle().
template <Access access>
[[gnu::always_inline]] inline bool is_settled(Cell& cell, const Region& region) {
  const Record written = cell.written, read = cell.read;
  const Record oldest = region.is_shared ? state.block : state.launch;  // older records do not matter
  if (access == Access::atomic) return false;
  if (written < oldest) {
    if (access == Access::read && region.is_shared) return false;
  } else if (!is_before_interval_of_block(written) && !is_mine(written)) {
    return false;
  }
  if (access == Access::read) {
    if (const Record after = joined(read, oldest); after != read) cell.read = after;
    return true;
  }
  if (read >= oldest && ((read & several_blocks) || !is_before_interval_of_block(read)) && !is_mine(read)) return false;
  cell.written = state.mine;
  return true;
}

/// Fast for an access to one whole granule of the slot's cached region. The slow path is a tail call.
template <Access access, size_t bytes>
[[gnu::noinline]] void check(uintptr_t address, size_t slot, uintptr_t code) {
  const Region& region = *region_of_code[slot];
  const size_t offset = address - region.begin;
  if (region.granule != bytes || offset >= region.whole_bytes || offset % bytes != 0) [[unlikely]]
    return check_any(address, bytes, access, slot, code);
  ++state.accesses;
  Cell& cell = region.cells[offset / bytes];
  if (!is_settled<access>(cell, region)) [[unlikely]]
    settle(cell, region, access, code);
}

}  // namespace tensor::emulator::shadow
