// Hazards in words, and where in the program they are.

#ifdef EMULATOR_RACES

#include <fmt/format.h>
#include <link.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <string>

#include "tensor/emulator/shadow_cells.h"

namespace tensor::emulator::shadow {
namespace {

constinit std::string* first_report = nullptr;

int thread_of(Record record) { return static_cast<int>(record & thread_bits); }

const char* verb(Access access) { return access == Access::read ? "reads" : access == Access::write ? "writes" : "updates atomically"; }

std::string name(const Region& region) {
  return region.is_shared ? fmt::format("shared memory \"{}\"", region.name) : std::string(region.name);
}

std::string who(Record record) {
  if (record & several_blocks) return "threads of several blocks";
  if (record & several_warps) return "threads of several warps";
  if (record & several_of_warp) return fmt::format("several threads of warp {}", thread_of(record) / 32);
  return fmt::format("thread {}", thread_of(record));
}

/// Where an address lies in the program's files.
struct Segment {
  uintptr_t address;
  uintptr_t offset = 0;  // in the program itself; 0: elsewhere
  bool is_read_only = false;
  int objects = 0;
};
int look_into(dl_phdr_info* object, size_t, void* data) {
  auto& segment = *static_cast<Segment*>(data);
  const bool is_program = segment.objects++ == 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& header = object->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || segment.address - object->dlpi_addr - header.p_vaddr >= header.p_memsz) continue;
    segment.is_read_only = (header.p_flags & PF_W) == 0;
    if (is_program) segment.offset = segment.address - object->dlpi_addr;
  }
  return 0;
}
Segment segment_of(uintptr_t address) {
  Segment segment = {.address = address};
  dl_iterate_phdr(look_into, &segment);
  return segment;
}

/// Return addresses of the calls that are under way, innermost first.
struct Frames {
  std::array<uintptr_t, 32> codes;
  size_t count = 0;
};
_Unwind_Reason_Code add_frame(_Unwind_Context* context, void* data) {
  auto& frames = *static_cast<Frames*>(data);
  if (frames.count == frames.codes.size()) return _URC_END_OF_STACK;
  frames.codes[frames.count++] = _Unwind_GetIP(context);
  return _URC_NO_REASON;
}

/// The command that names the line of the access and its callers: the innermost may be the emulator's, of a primitive or an atomic.
std::string source_of(uintptr_t code) {
  constexpr ptrdiff_t most_named = 3;
  Frames frames;
  _Unwind_Backtrace(add_frame, &frames);
  const auto end = frames.codes.begin() + static_cast<ptrdiff_t>(frames.count);
  auto frame = std::find(frames.codes.begin(), end, code);
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  std::string command = "addr2line -fipCe " + std::string(path, static_cast<size_t>(std::max<ssize_t>(length, 0)));
  for (ptrdiff_t named = 0; frame != end && named < most_named; ++frame, ++named)
    if (const uintptr_t offset = segment_of(*frame - 1).offset; offset != 0) command += fmt::format(" {:#x}", offset);
  return command;
}

void report(const std::string& hazard, uintptr_t code) {
  if (first_report != nullptr) return;
  const Position& at = position;
  const std::string barrier =
      at.barrier_line == 0 ? "no barrier in this block so far" : fmt::format("last barrier {}:{}", at.barrier_file, at.barrier_line);
  first_report =
      new std::string(fmt::format("race check: thread {} of block {} {}; {}; kernel launched at {}:{}; the access: {}",
                                  thread_of(state.mine), at.block, hazard, barrier, at.launch_file, at.launch_line, source_of(code)));
}

}  // namespace

void report_hazard(Hazard kind, const Region& region, const Cell& cell, Access access, Record other, uintptr_t code) {
  const AsHost as_host;
  std::string hazard =
      fmt::format("{} {} at byte {}", verb(access), name(region), static_cast<size_t>(&cell - region.cells) * region.granule);
  switch (kind) {
    case Hazard::unwritten:
      hazard += ", which is uninitialized: no thread of the block has written it";
      break;
    case Hazard::in_flight:
      hazard += fmt::format(" before its cp.async, issued by {}, was waited for", who(other));
      break;
    case Hazard::after_read:
    case Hazard::after_write:
    case Hazard::after_atomic: {
      const char* did = kind == Hazard::after_read ? "read" : kind == Hazard::after_write ? "wrote" : "updated atomically";
      if (other & several_blocks)
        hazard += fmt::format(", which threads of several blocks {}: blocks of a launch are not ordered", did);
      else if (other < state.block)
        hazard += fmt::format(", which {} of block {} {}: blocks of a launch are not ordered", who(other), block_at(other), did);
      else
        hazard += fmt::format(", which {} {}, with no barrier between", who(other), did);
    }
  }
  report(hazard, code);
}

void report_constant(const Region& region, Access access, uintptr_t code) {
  const AsHost as_host;
  report(fmt::format("{} {}, which is constant", verb(access), region.name), code);
}

void report_outside(uintptr_t address, size_t bytes, Access access, const Region* before, const Region* after, uintptr_t code) {
  const AsHost as_host;
  if (access == Access::read && segment_of(address).is_read_only) return;  // tables and texts of the program
  constexpr uintptr_t near_bytes = 4096;
  std::string hazard = fmt::format("{} {} bytes of memory that is not the kernel's: ", verb(access), bytes);
  if (before != nullptr && address - before->begin < before->bytes + near_bytes)
    hazard +=
        fmt::format("out of bounds at byte {} of {}, which has {}, or the host's", address - before->begin, name(*before), before->bytes);
  else if (after != nullptr && after->begin - address < near_bytes)
    hazard += fmt::format("out of bounds, {} bytes before {}, or the host's", after->begin - address, name(*after));
  else
    hazard += fmt::format("the host's, or another thread's stack, at {:#x}", address);
  report(hazard, code);
}

std::string take_report() {
  if (first_report == nullptr) return "";
  const std::string report = *first_report;
  delete first_report;
  first_report = nullptr;
  return report;
}

}  // namespace tensor::emulator::shadow

#endif
