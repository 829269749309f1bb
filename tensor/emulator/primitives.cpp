// CPU versions of warp operations, asynchronous copies, matrix loads, the tensor cores' product and atomics. tensor/cuda/primitives.h states
// the layout of fragments (PTX ISA).

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tensor/emulator/block.h"
#include "tensor/emulator/emulator.h"
#include "tensor/emulator/memory.h"
#include "tensor/emulator/shadow.h"

namespace tensor::emulator {
namespace {

/// The emulator's own accesses are not instrumented, so it checks them here.
void check_touchable(const void* address, size_t bytes, const char* what) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) fail(fmt::format("{}: the address is not aligned to {} bytes", what, bytes));
  if (!is_shared_memory(address, bytes) && !is_device_memory(address, bytes))
    fail(fmt::format("{}: {} bytes that are neither shared nor device memory", what, bytes));
  if (is_poisoned(address, bytes)) fail(fmt::format("{}: {} bytes outside every array in shared memory", what, bytes));
}

void check_shared_row(const void* row, const Site& site) {
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0) fail(fmt::format("{}: a row's address is not aligned to 16 bytes", site.to_string()));
  if (!is_shared_memory(row, 16)) fail(fmt::format("{}: a row's address is not in shared memory", site.to_string()));
  if (is_poisoned(row, 16)) fail(fmt::format("{}: a row of 16 bytes outside of an array in shared memory", site.to_string()));
}

struct ShuffleOperand {
  const void* in;
  void* out;
  size_t bytes;
  int source;  // lane
  Site site;
};

void complete_shuffle(WarpOperation& operation) {
  unsigned char values[32][16];
  for (size_t lane = 0; lane < 32; ++lane)
    if ((operation.arrived >> lane & 1u) != 0) {
      const auto* operand = static_cast<const ShuffleOperand*>(operation.operands[lane]);
      std::memcpy(values[lane], operand->in, operand->bytes);
    }
  for (size_t lane = 0; lane < 32; ++lane)
    if ((operation.arrived >> lane & 1u) != 0) {
      const auto* operand = static_cast<const ShuffleOperand*>(operation.operands[lane]);
      const auto source = static_cast<size_t>(operand->source);
      if ((operation.arrived >> source & 1u) == 0)
        fail(fmt::format("wrong lane: lane {} reads lane {} in {}, which is not part of it (mask {:08x})", lane, source,
                         operand->site.to_string(), operation.mask));
      std::memcpy(operand->out, values[source], operand->bytes);
    }
}

int source_lane(Shuffle kind, int lane, int argument, int width) {
  const int first = lane / width * width, within = lane % width;
  switch (kind) {
    case Shuffle::index:
      return first + ((argument % width) + width) % width;
    case Shuffle::up:
      return within - argument < 0 ? lane : lane - argument;
    case Shuffle::down:
      return within + argument >= width ? lane : lane + argument;
    case Shuffle::exchange:
      return (lane ^ argument) < first + width ? lane ^ argument : lane;
  }
  return lane;
}

constexpr const char* name_of(Shuffle kind) {
  switch (kind) {
    case Shuffle::index:
      return "__shfl_sync";
    case Shuffle::up:
      return "__shfl_up_sync";
    case Shuffle::down:
      return "__shfl_down_sync";
    case Shuffle::exchange:
      return "__shfl_xor_sync";
  }
  return "";
}

struct BallotOperand {
  bool predicate;
  unsigned votes;
};

void complete_ballot(WarpOperation& operation) {
  unsigned votes = 0;
  for (size_t lane = 0; lane < 32; ++lane)
    if ((operation.arrived >> lane & 1u) != 0 && static_cast<BallotOperand*>(operation.operands[lane])->predicate) votes |= 1u << lane;
  for (size_t lane = 0; lane < 32; ++lane)
    if ((operation.arrived >> lane & 1u) != 0) static_cast<BallotOperand*>(operation.operands[lane])->votes = votes;
}

struct MatrixOperand {
  uint32_t* registers;
  const void* row;
};

template <bool transposed>
void complete_ldmatrix(WarpOperation& operation) {
  uint16_t rows[32][8];
  for (size_t lane = 0; lane < 32; ++lane) std::memcpy(rows[lane], static_cast<MatrixOperand*>(operation.operands[lane])->row, 16);
  for (size_t lane = 0; lane < 32; ++lane)
    for (size_t matrix = 0; matrix < 4; ++matrix) {
      const uint16_t(*element)[8] = rows + 8 * matrix;
      const size_t slow = lane / 4, fast = 2 * (lane % 4);
      const uint32_t low = transposed ? element[fast][slow] : element[slow][fast];
      const uint32_t high = transposed ? element[fast + 1][slow] : element[slow][fast + 1];
      static_cast<MatrixOperand*>(operation.operands[lane])->registers[matrix] = low | high << 16;
    }
}

void ldmatrix(uint32_t (&registers)[4], const void* row, const Site& site, void (*complete)(WarpOperation&)) {
  check_shared_row(row, site);
  shadow::read(row, 16);
  MatrixOperand operand = {registers, row};
  warp_operation(~0u, site, &operand, complete);
}

struct ProductOperand {
  float* d;
  const uint32_t *a, *b;
};

float widened(uint32_t half) {
  const uint32_t word = half << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

/// Sums in double with one rounding. A device's rounding is unspecified and less exact.
void complete_mma(WarpOperation& operation) {
  float a[16][16], b[8][16];  // b transposed: (n, k)
  for (size_t lane = 0; lane < 32; ++lane) {
    const auto* operand = static_cast<const ProductOperand*>(operation.operands[lane]);
    const size_t g = lane / 4, t = 2 * (lane % 4);
    for (size_t half = 0; half < 2; ++half) {
      const auto part = [half](uint32_t pair) { return widened(half == 0 ? pair & 0xffffu : pair >> 16); };
      a[g][t + half] = part(operand->a[0]);
      a[g + 8][t + half] = part(operand->a[1]);
      a[g][t + 8 + half] = part(operand->a[2]);
      a[g + 8][t + 8 + half] = part(operand->a[3]);
      b[g][t + half] = part(operand->b[0]);
      b[g][t + 8 + half] = part(operand->b[1]);
    }
  }
  for (size_t lane = 0; lane < 32; ++lane) {
    const auto* operand = static_cast<const ProductOperand*>(operation.operands[lane]);
    for (size_t i = 0; i < 4; ++i) {
      const float *row = a[lane / 4 + (i >= 2 ? 8 : 0)], *column = b[2 * (lane % 4) + i % 2];
      double sum = static_cast<double>(operand->d[i]);
      for (size_t k = 0; k < 16; ++k) sum += static_cast<double>(row[k]) * static_cast<double>(column[k]);
      operand->d[i] = static_cast<float>(sum);
    }
  }
}

void land(const AsyncCopy& copy) {
  const auto bytes = static_cast<size_t>(copy.bytes);
  if (copy.from_there)
    std::memcpy(copy.to, copy.from, bytes);
  else
    std::memset(copy.to, 0, bytes);
}

uint64_t copies_issued = 0;

template <class T, class Change>
T atomically(T* address, const char* what, Change change) {
  check_touchable(address, sizeof(T), what);
  shadow::atomic(address, sizeof(T));
  const T before = *address;
  *address = change(before);
  return before;
}

}  // namespace

void shuffle(Shuffle kind, unsigned mask, const void* in, void* out, size_t bytes, int argument, int width, const char* file, int line) {
  const Site site = {name_of(kind), file, line};
  if (bytes > 16 || width < 1 || width > 32 || (width & (width - 1)) != 0)
    fail(fmt::format("{}: {} bytes and width {}; at most 16, and a power of two up to 32", site.to_string(), bytes, width));
  ShuffleOperand operand = {in, out, bytes, source_lane(kind, this_lane(), argument, width), site};
  warp_operation(mask, site, &operand, complete_shuffle);
}

template <int bytes>
void cp_async(void* to_shared, const void* from, bool from_there) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  if (reinterpret_cast<uintptr_t>(to_shared) % bytes != 0 || reinterpret_cast<uintptr_t>(from) % bytes != 0)
    fail(fmt::format("cp_async: an address is not aligned to {} bytes", bytes));
  if (!is_shared_memory(to_shared, bytes) || is_poisoned(to_shared, bytes))
    fail(fmt::format("cp_async: {} bytes to an address outside every array in shared memory", bytes));
  if (from_there) {
    if (!is_device_memory(from, bytes) || is_poisoned(from, bytes))
      fail(fmt::format("cp_async: {} bytes from an address outside device memory", bytes));
    shadow::read(from, bytes);
  }
  Thread& thread = this_thread();
  const AsyncCopy copy = {to_shared, from, bytes, from_there, thread.committed_groups, ++copies_issued};
  shadow::async_issue(to_shared, bytes, copy.id);
  if (settings().landing == Landing::early) land(copy);
  thread.copies.push_back(copy);
}
template void cp_async<4>(void*, const void*, bool);
template void cp_async<8>(void*, const void*, bool);
template void cp_async<16>(void*, const void*, bool);

void cp_async_commit() { ++this_thread().committed_groups; }

void cp_async_wait_for(int newest) { land_copies(this_thread(), this_thread().committed_groups - newest); }

void land_copies(Thread& thread, int64_t before_group) {
  const auto landed =
      std::stable_partition(thread.copies.begin(), thread.copies.end(), [&](const AsyncCopy& copy) { return copy.group < before_group; });
  for (auto copy = thread.copies.begin(); copy != landed; ++copy) {
    if (settings().landing == Landing::late) land(*copy);
    shadow::async_land(copy->to, static_cast<size_t>(copy->bytes), copy->id);
  }
  thread.copies.erase(thread.copies.begin(), landed);
}

void ldmatrix_x4(uint32_t (&registers)[4], const void* shared_row, const char* file, int line) {
  ldmatrix(registers, shared_row, {"ldmatrix_x4", file, line}, complete_ldmatrix<false>);
}

void ldmatrix_x4_transposed(uint32_t (&registers)[4], const void* shared_row, const char* file, int line) {
  ldmatrix(registers, shared_row, {"ldmatrix_x4_transposed", file, line}, complete_ldmatrix<true>);
}

void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const char* file, int line) {
  ProductOperand operand = {d, a, b};
  warp_operation(~0u, {"mma_m16n8k16", file, line}, &operand, complete_mma);
}

}  // namespace tensor::emulator

using namespace tensor::emulator;

unsigned __ballot_sync(unsigned mask, bool predicate, const char* file, int line) {
  BallotOperand operand = {predicate, 0};
  warp_operation(mask, {"__ballot_sync", file, line}, &operand, complete_ballot);
  return operand.votes;
}

// One thread runs at a time, so memory is always in order and a fence needs no work. shadow.h detects missing fences.
void __threadfence() {}
void __threadfence_block() {}

int atomicAdd(int* address, int value) {
  return atomically(address, "atomicAdd",
                    [value](int old) { return static_cast<int>(static_cast<unsigned>(old) + static_cast<unsigned>(value)); });
}
unsigned atomicAdd(unsigned* address, unsigned value) {
  return atomically(address, "atomicAdd", [value](unsigned old) { return old + value; });
}
unsigned long long atomicAdd(unsigned long long* address, unsigned long long value) {
  return atomically(address, "atomicAdd", [value](unsigned long long old) { return old + value; });
}
float atomicAdd(float* address, float value) {
  return atomically(address, "atomicAdd", [value](float old) { return old + value; });
}
double atomicAdd(double* address, double value) {
  return atomically(address, "atomicAdd", [value](double old) { return old + value; });
}
int atomicMax(int* address, int value) {
  return atomically(address, "atomicMax", [value](int old) { return std::max(old, value); });
}
int atomicMin(int* address, int value) {
  return atomically(address, "atomicMin", [value](int old) { return std::min(old, value); });
}
unsigned atomicOr(unsigned* address, unsigned value) {
  return atomically(address, "atomicOr", [value](unsigned old) { return old | value; });
}
int atomicExch(int* address, int value) {
  return atomically(address, "atomicExch", [value](int) { return value; });
}
int atomicCAS(int* address, int expected, int desired) {
  return atomically(address, "atomicCAS", [=](int old) { return old == expected ? desired : old; });
}
unsigned long long atomicCAS(unsigned long long* address, unsigned long long expected, unsigned long long desired) {
  return atomically(address, "atomicCAS", [=](unsigned long long old) { return old == expected ? desired : old; });
}
