// The order of accesses: the time of barriers, and the update of a cell's records by an access.

#ifdef EMULATOR_RACES

#include <algorithm>
#include <bit>
#include <vector>

#include "tensor/emulator/shadow_cells.h"

namespace tensor::emulator::shadow {

constinit thread_local OwnStack own_stack;
constinit State state;
constinit Position position;

namespace {

constinit Record now = Record{1} << time_shift;

struct Block {
  Record begin;
  uint64_t number;
};
std::vector<Block>& blocks_of_launch() {
  static auto* blocks = new std::vector<Block>;
  return *blocks;
}

Record oldest_of(const Region& region) { return region.is_shared ? state.block : state.launch; }

/// True if the record's access and one by the running thread are unordered. The record is Cell::read, or Cell::written without in_flight.
bool is_unordered(Record record, const Region& region) {
  if (record < oldest_of(region)) return false;
  if ((record & several_blocks) || record < state.block) return true;
  if (record < state.interval) return false;
  if (record & several_warps) return true;
  if (((record ^ state.mine) & warp_bits) == 0 && record < state.warp_interval) return false;
  return (record & several_of_warp) || (record & thread_bits) != (state.mine & thread_bits);
}

Record tick() { return now += Record{1} << time_shift; }
/// The running thread, and the time of its warp's last barrier.
void set_running(Record thread) {
  state.mine = now | thread;
  state.warp_interval = std::max(state.interval, state.warps[thread / 32]);
}
void set_time() { set_running(state.mine & thread_bits); }

void check_for_thread(const void* begin, size_t bytes, Access access, uintptr_t code) {
  const auto address = reinterpret_cast<uintptr_t>(begin);
  if (bytes > 0 && address - own_stack.low >= own_stack.bytes) check_any(address, bytes, access, slot_of_address(address), code);
}

template <class Function>
void for_cells(Region& region, uintptr_t address, size_t bytes, const Function& function) {
  const int shift = std::countr_zero(region.granule);
  const size_t offset = address - region.begin, end = (offset + bytes) >> shift;
  for (size_t i = offset >> shift; i < end; ++i) function(region.cells[i]);
}

void set_written(const void* begin, size_t bytes, Record flags, uintptr_t code) {
  const auto address = reinterpret_cast<uintptr_t>(begin);
  if (Region* const region = fit_region(address, bytes, Access::write, slot_of_address(address), code))
    for_cells(*region, address, bytes, [flags](Cell& cell) { cell.written = state.mine | flags; });
}

}  // namespace

uint64_t block_at(Record record) {
  const auto& blocks = blocks_of_launch();
  const auto later = std::upper_bound(blocks.begin(), blocks.end(), record, [](Record r, const Block& block) { return r < block.begin; });
  return later == blocks.begin() ? 0 : std::prev(later)->number;
}

void check_any(uintptr_t address, size_t bytes, Access access, size_t slot, uintptr_t code) {
  Region* const region = fit_region(address, bytes, access, slot, code);
  if (region == nullptr) return;
  ++state.accesses;
  const auto check_cells = [&]<Access access_>() {
    for_cells(*region, address, bytes, [&](Cell& cell) {
      if (!is_settled<access_>(cell, *region)) settle(cell, *region, access_, code);
    });
  };
  if (access == Access::read)
    check_cells.template operator()<Access::read>();
  else if (access == Access::write)
    check_cells.template operator()<Access::write>();
  else
    check_cells.template operator()<Access::atomic>();
}

void settle(Cell& cell, const Region& region, Access access, uintptr_t code) {
  const Record oldest = oldest_of(region), written = cell.written & ~in_flight;
  const bool by_atomics = (written & by_atomic) != 0, says_something = written >= oldest;
  const auto report = [&](Hazard kind, Record other) { report_hazard(kind, region, cell, access, other, code); };
  const bool both_atomic = access == Access::atomic && by_atomics && (written >= state.block || !(written & after_plain));
  if (says_something && cell.written != written)
    report(Hazard::in_flight, written);
  else if (!says_something && region.is_shared && access != Access::write)
    report(Hazard::unwritten, written);
  else if (is_unordered(written, region) && !both_atomic)
    report(by_atomics ? Hazard::after_atomic : Hazard::after_write, written);
  else if (access != Access::read && is_unordered(cell.read, region))
    report(Hazard::after_read, cell.read);

  if (access == Access::read) {
    cell.read = joined(cell.read, oldest);
  } else if (access == Access::write) {
    cell.written = state.mine;
  } else {
    const bool plain_before = written >= std::max(oldest, state.block) && (!by_atomics || (written & after_plain));
    cell.written = (by_atomics ? joined(written, oldest) : state.mine) | by_atomic | (plain_before ? after_plain : 0);
  }
}

void begin_launch(const char* file, int line) {
  position = {.launch_file = file, .launch_line = line};
  blocks_of_launch().clear();
  state.launch = state.block = state.interval = tick();
  set_time();
}

void begin_block(uint64_t number) {
  position.block = number;
  position.barrier_line = 0;
  state.block = state.interval = tick();
  blocks_of_launch().push_back({state.block, number});
  set_time();
}

void end_block() {}

void set_thread(int thread, int, const void* stack_low, const void* stack_high) {
  if (thread < 0) {
    own_stack = {};
    return;
  }
  own_stack.low = reinterpret_cast<uintptr_t>(stack_low);
  own_stack.bytes = reinterpret_cast<uintptr_t>(stack_high) - own_stack.low;
  set_running(static_cast<Record>(thread));
}

void barrier(const char* file, int line) {
  position.barrier_file = file;
  position.barrier_line = line;
  state.interval = tick();
  set_time();
}

void warp_barrier(int warp) {
  state.warps[warp] = tick();
  set_time();
}

void read(const void* address, size_t bytes) { check_for_thread(address, bytes, Access::read, caller()); }
void write(const void* address, size_t bytes) { check_for_thread(address, bytes, Access::write, caller()); }
void atomic(const void* address, size_t bytes) { check_for_thread(address, bytes, Access::atomic, caller()); }

void async_issue(const void* shared, size_t bytes, uint64_t) {
  check_for_thread(shared, bytes, Access::write, caller());
  set_written(shared, bytes, in_flight, caller());
}

void async_land(const void* shared, size_t bytes, uint64_t) { set_written(shared, bytes, 0, caller()); }

int64_t accesses() { return state.accesses; }

}  // namespace tensor::emulator::shadow

#endif
