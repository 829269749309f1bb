// The memory that kernels may touch, and the shadow cells of each region.

#ifdef EMULATOR_RACES

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "tensor/emulator/shadow_cells.h"
#include "tensor/math.h"

namespace tensor::emulator::shadow {
namespace {

constinit Region nowhere;

constexpr std::array<Region*, slots> all_nowhere() {
  std::array<Region*, slots> result = {};
  for (Region*& region : result) region = &nowhere;
  return result;
}

// Regions are added and removed by any OS thread, and found by the one whose kernel runs. A Region is never freed: region_of_code names it.
struct Regions {
  std::mutex mutex;
  std::map<uintptr_t, Region*> by_begin;
  std::map<uintptr_t, Region*> removed_shared;  // a block's arrays lie where the last block's lay: their cells are used again
  std::vector<Region*> removed;
};
Regions& regions() {
  static auto* all = new Regions;
  return *all;
}

constexpr size_t large_bytes = 1 << 20;

/// Zeros. Of a large region, only the pages that are touched take memory.
Cell* allocate_cells(size_t count) {
  const size_t bytes = count * sizeof(Cell);
  const bool large = bytes >= large_bytes;
  void* cells = large ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                      : std::calloc(count, sizeof(Cell));
  if (cells == nullptr || cells == MAP_FAILED) throw std::bad_alloc();
  return static_cast<Cell*>(cells);
}

void drop_cells(Region& region) {
  if (region.cell_count * sizeof(Cell) >= large_bytes)
    munmap(region.cells, region.cell_count * sizeof(Cell));
  else
    std::free(region.cells);
  region.cells = nullptr;
  region.cell_count = region.whole_bytes = 0;
}

/// Makes the granules finer; each part says what the whole said.
void set_granule(Region& region, size_t granule) {
  const size_t count = ceil_div(region.bytes, granule);
  Cell* const cells = allocate_cells(count);
  const size_t parts = region.granule / granule;
  for (size_t i = 0; i < region.cell_count; ++i) {
    const Cell& old = region.cells[i];
    if (std::max(old.written, old.read) >= state.launch) std::fill(cells + i * parts, cells + std::min(count, (i + 1) * parts), old);
  }
  drop_cells(region);
  region.cells = cells;
  region.cell_count = count;
  region.granule = granule;
  region.whole_bytes = region.bytes / granule * granule;
}

void remove(Regions& all, std::map<uintptr_t, Region*>::iterator found) {
  Region* const region = found->second;
  all.by_begin.erase(found);
  region->bytes = region->whole_bytes = 0;
  if (region->is_shared) {
    all.removed_shared[region->begin] = region;
  } else {
    drop_cells(*region);
    all.removed.push_back(region);
  }
}

void add(const void* begin, size_t bytes, const char* name, bool is_shared, bool is_constant) {
  if (bytes == 0) return;
  const auto address = reinterpret_cast<uintptr_t>(begin);
  Regions& all = regions();
  const std::lock_guard lock(all.mutex);
  if (const auto old = all.by_begin.find(address); old != all.by_begin.end()) remove(all, old);
  Region* region = nullptr;
  if (const auto removed = all.removed_shared.find(address); is_shared && removed != all.removed_shared.end()) {
    region = removed->second;
    all.removed_shared.erase(removed);
    if (region->cells != nullptr && region->cell_count != ceil_div(bytes, region->granule)) drop_cells(*region);
  } else if (!all.removed.empty()) {
    region = all.removed.back();
    all.removed.pop_back();
  } else {
    region = new Region;
  }
  region->begin = address;
  region->bytes = bytes;
  region->whole_bytes = region->cells == nullptr ? 0 : bytes / region->granule * region->granule;
  region->is_shared = is_shared;
  region->is_constant = is_constant;
  region->name = name;
  all.by_begin[address] = region;
}

}  // namespace

constinit std::array<Region*, slots> region_of_code = all_nowhere();

Region* fit_region(uintptr_t address, size_t bytes, Access access, size_t slot, uintptr_t code) {
  Region* region = region_of_code[slot];
  if (address - region->begin >= region->bytes) {
    const AsHost as_host;
    Regions& all = regions();
    const std::lock_guard lock(all.mutex);
    const auto after = all.by_begin.upper_bound(address);
    Region* const before = after == all.by_begin.begin() ? nullptr : std::prev(after)->second;
    if (before == nullptr || address - before->begin >= before->bytes) {
      report_outside(address, bytes, access, before, after == all.by_begin.end() ? nullptr : after->second, code);
      return nullptr;
    }
    region_of_code[slot] = region = before;
  }
  const size_t offset = address - region->begin;
  if (region->bytes - offset < bytes) {
    report_outside(address, bytes, access, region, nullptr, code);
    return nullptr;
  }
  if (region->is_constant) {
    if (access != Access::read) report_constant(*region, access, code);
    return nullptr;
  }
  const size_t granule = std::min<size_t>(16, (offset | bytes) & -(offset | bytes));
  if (region->cells == nullptr || granule < region->granule) set_granule(*region, granule);
  return region;
}

void add_region(Space space, const void* begin, size_t bytes, const char* name) { add(begin, bytes, name, space == Space::shared, false); }
void allow_constant(const void* begin, size_t bytes) { add(begin, bytes, "a kernel's argument or index", false, true); }

void remove_region(const void* begin) {
  Regions& all = regions();
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.by_begin.find(reinterpret_cast<uintptr_t>(begin)); found != all.by_begin.end()) remove(all, found);
}
void disallow_constant(const void* begin) { remove_region(begin); }

}  // namespace tensor::emulator::shadow

#endif
