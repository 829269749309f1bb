// Every call of tensor/cuda/cuda.h in a build without CUDA; short because each only refuses.

#include "tensor/cuda/cuda.h"

#include "tensor/check.h"

namespace tensor::cuda {
namespace {
[[noreturn]] void refuse(int index) { throw Error(unavailable_because(index)); }
}  // namespace

std::string unavailable_because(int index) {
  return fmt::format("cuda:{}: this program was built without CUDA; configure with -DMODE_CUDA=on (needs nvcc 12 or later), or use the cpu",
                     index);
}
void check_available(int index) { refuse(index); }
int device_count() { return 0; }
std::string description(int index) { refuse(index); }
std::string build_description() { return "none"; }

void* allocate(int64_t, int index) { refuse(index); }
void deallocate(void*, int64_t, int) noexcept {}
StorageStatistics statistics(int) { return {}; }
void reset_peak_bytes(int) {}
void release_cached(int) {}
void copy_to_device(void*, const void*, int64_t, int index) { refuse(index); }
void copy_to_host(void*, const void*, int64_t, int index) { refuse(index); }
void copy_on_device(void*, const void*, int64_t, int index) { refuse(index); }
void fill_zero(void*, int64_t, int index) { refuse(index); }
void synchronize(int) {}

}  // namespace tensor::cuda
