// Planted faults: each must be reported, or show in the results for at least one order of the threads. Races proper: test_races.cu.

#include "tensor/cuda/runtime.h"

#include <cmath>

#include "tests/emulator/device_array.h"

namespace tensor::emulator {
namespace {

using cuda::Grid;
using cuda::launch;

class Faults : public Emulated {
 protected:
  Faults() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

#ifdef __SANITIZE_ADDRESS__
constexpr bool has_asan = true;
#else
constexpr bool has_asan = false;
#endif

#define ONLY_WITH_ADDRESS_SANITIZER() \
  if (!has_asan) GTEST_SKIP() << "AddressSanitizer (make test-emulated) finds this one"

/// How many of eight orders of threads show a fault: by an error, or by a result other than `expected`.
template <class Run>
int caught(const std::vector<float>& expected, const Run& run) {
  int count = 0;
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6, 7, 8}) {
    settings().seed = seed;
    try {
      if (run() != expected) ++count;
    } catch (const Error&) {
      ++count;
    }
  }
  return count;
}

template <bool barrier>
__global__ void __launch_bounds__(128) neighbor(const float* in, float* out) {
  SHARED(float, tile, [128]);
  tile[threadIdx.x] = in[threadIdx.x];
  if constexpr (barrier) __syncthreads();
  out[threadIdx.x] = tile[(threadIdx.x + 1) % 128];
}

template <bool barrier>
std::vector<float> run_neighbor() {
  DeviceArray<float> in(counted<float>(128)), out(128);
  launch(neighbor<barrier>, 1, 128, 0, nullptr, in.data(), out.data());
  return out.values();
}

TEST_F(Faults, MissingBarrier) {
  std::vector<float> expected = counted<float>(128, 1);
  expected[127] = 0;
  EXPECT_EQ(caught(expected, run_neighbor<true>), 0);
  EXPECT_EQ(caught(expected, run_neighbor<false>), 8);
}

using Four = cuda::Pack<float, 4>;

template <int newest>
__global__ void __launch_bounds__(32) copy_and_read(const float* in, float* out) {
  SHARED(Four, tile, [32]);
  cuda::cp_async<16>(&tile[threadIdx.x], in + 4 * threadIdx.x);
  cuda::cp_async_commit();
  cuda::cp_async_wait<newest>();
  __syncthreads();
  for (unsigned k = 0; k < 4; ++k) out[4 * threadIdx.x + k] = tile[31 - threadIdx.x].values[k];
}

template <int newest>
std::vector<float> run_copy() {
  DeviceArray<float> in(counted<float>(128)), out(128);
  launch(copy_and_read<newest>, 1, 32, 0, nullptr, in.data(), out.data());
  return out.values();
}

TEST_F(Faults, MissingWaitForAnAsynchronousCopy) {
  std::vector<float> expected(128);
  for (size_t i = 0; i < 128; ++i) expected[i] = static_cast<float>((31 - i / 4) * 4 + i % 4);
  EXPECT_EQ(caught(expected, run_copy<0>), 0);
  settings().landing = Landing::late;
  EXPECT_EQ(caught(expected, run_copy<1>), 8) << "the wait allows the only group to be under way still";
}

__global__ void __launch_bounds__(64) read_unwritten(float* out) {
  SHARED(float, tile, [64]);
  if (threadIdx.x != 5) tile[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = tile[threadIdx.x];
}

TEST_F(Faults, ReadOfUnwrittenSharedMemory) {
  EXPECT_EQ(caught(std::vector<float>(64, 1),
                   [] {
                     DeviceArray<float> out(64);
                     launch(read_unwritten, 1, 64, 0, nullptr, out.data());
                     return out.values();
                   }),
            8);
}

__global__ void __launch_bounds__(64) store_past_shared(float* out, int past) {
  SHARED(float, tile, [64]);
  float* const first = &tile[0];  // the array's own type would let UBSan see it
  first[static_cast<int>(threadIdx.x) + past] = 1;
  __syncthreads();
  out[threadIdx.x] = tile[threadIdx.x];
}

__global__ void __launch_bounds__(64) store_past_dynamic(int past) {
  DYNAMIC_SHARED(float, tile);
  tile[static_cast<int>(threadIdx.x) + past] = 1;
}

__global__ void __launch_bounds__(64) store_past_device(float* out, int past) { out[static_cast<int>(threadIdx.x) + past] = 1; }

TEST_F(Faults, StoreOneElementTooFar) {
  if (finds_races()) {  // the shadow knows the bounds too
    DeviceArray<float> out(64);
    EXPECT_NE(message_of([&] { launch(store_past_shared, 1, 64, 0, nullptr, out.data(), 1); }), "");
    EXPECT_NE(message_of([&] { launch(store_past_dynamic, 1, 64, 256, nullptr, 1); }), "");
    return;
  }
  ONLY_WITH_ADDRESS_SANITIZER();
  DeviceArray<float> out(64);
  launch(store_past_shared, 1, 64, 0, nullptr, out.data(), 0);
  launch(store_past_dynamic, 1, 64, 256, nullptr, 0);
  launch(store_past_device, 1, 64, 0, nullptr, out.data(), 0);
  EXPECT_DEATH(launch(store_past_shared, 1, 64, 0, nullptr, out.data(), 1), "use-after-poison|buffer-overflow");
  EXPECT_DEATH(launch(store_past_dynamic, 1, 64, 256, nullptr, 1), "use-after-poison|buffer-overflow");
  EXPECT_DEATH(launch(store_past_device, 1, 64, 0, nullptr, out.data(), 1), "use-after-poison|buffer-overflow");
}

TEST_F(Faults, HostCodeThatFollowsADevicePointer) {
  ONLY_WITH_ADDRESS_SANITIZER();
  DeviceArray<float> x(64);
  EXPECT_DEATH(x.data()[3] = 1, "use-after-poison");
}

__global__ void __launch_bounds__(32) read_lane(int* out, int lane, unsigned mask) {
  if ((mask >> threadIdx.x & 1u) != 0) out[threadIdx.x] = __shfl_sync(mask, static_cast<int>(threadIdx.x), lane);
}

TEST_F(Faults, WrongLane) {
  DeviceArray<int> out(32);
  for_each_order([&] {
    launch(read_lane, 1, 32, 0, nullptr, out.data(), 3, 0x0000ffffu);
    expect_error([&] { launch(read_lane, 1, 32, 0, nullptr, out.data(), 20, 0x0000ffffu); }, "reads lane 20 in __shfl_sync at");
  });
}

__global__ void __launch_bounds__(32) wrong_mask(int* out) { out[threadIdx.x] = __shfl_sync(threadIdx.x < 4 ? 0xfu : ~0u, 1, 0); }
__global__ void __launch_bounds__(32) not_in_mask(int* out) { out[threadIdx.x] = __shfl_sync(0xfu, 1, 0); }
__global__ void __launch_bounds__(32) other_operations(int* out) {
  if (threadIdx.x < 8)
    out[threadIdx.x] = __shfl_sync(~0u, 1, 0);
  else
    out[threadIdx.x] = static_cast<int>(__ballot_sync(~0u, true));
}
__global__ void __launch_bounds__(32) some_left(int* out) {
  if (threadIdx.x >= 29) return;
  out[threadIdx.x] = __shfl_xor_sync(~0u, 1, 1);
}
__global__ void __launch_bounds__(64) some_elsewhere(int* out) {
  if (threadIdx.x % 32 < 4) __syncthreads();
  out[threadIdx.x] = __shfl_xor_sync(~0u, 1, 1);
  if (threadIdx.x % 32 >= 4) __syncthreads();
}

TEST_F(Faults, LanesThatDisagreeOrAreMissing) {
  DeviceArray<int> out(64);
  for_each_order([&] {
    expect_error([&] { launch(wrong_mask, 1, 32, 0, nullptr, out.data()); }, "lanes disagree");
    expect_error([&] { launch(not_in_mask, 1, 32, 0, nullptr, out.data()); }, "is not in its own mask 0000000f");
    expect_error([&] { launch(other_operations, 1, 32, 0, nullptr, out.data()); }, "lanes disagree");
    expect_error([&] { launch(some_left, 1, 32, 0, nullptr, out.data()); }, "for lanes 29-31; lanes 29-31 have left the kernel");
    const std::string message = message_of([&] { launch(some_elsewhere, 1, 64, 0, nullptr, out.data()); });
    EXPECT_TRUE(message.find("they wait in __syncthreads") != std::string::npos) << message;
  });
}

__global__ void __launch_bounds__(64) leave_early(int* out, int from) {
  if (static_cast<int>(threadIdx.x) >= from) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void __launch_bounds__(64) two_barriers(int* out) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void __launch_bounds__(64) one_barrier_more(int* out) {
  for (unsigned i = 0; i < (threadIdx.x == 9 ? 2u : 1u); ++i) __syncthreads();
  out[threadIdx.x] = 1;
}

TEST_F(Faults, DivergentBarriers) {
  DeviceArray<int> out(64);
  for_each_order([&] {
    launch(leave_early, 1, 64, 0, nullptr, out.data(), 64);
    expect_error([&] { launch(leave_early, 1, 64, 0, nullptr, out.data(), 60); }, "divergent barrier");
    expect_error([&] { launch(two_barriers, 1, 64, 0, nullptr, out.data()); }, "divergent barrier");
    expect_error([&] { launch(one_barrier_more, 1, 64, 0, nullptr, out.data()); }, "divergent barrier");
  });
}

TEST_F(Faults, AReportNamesBlockThreadAndLaunch) {
  DeviceArray<int> out(64);
  const int line = __LINE__ + 1;
  const std::string message = message_of([&] { launch(two_barriers, 1, 64, 0, nullptr, out.data()); });
  EXPECT_NE(message.find(fmt::format("test_faults.cu:{}", line)), std::string::npos) << message;
  EXPECT_NE(message.find("block (0,0,0), thread ("), std::string::npos) << message;
}

__global__ void __launch_bounds__(64) fill_large_shared(int* out) {
  SHARED(int, first, [6 << 10]);
  SHARED(int, second, [(6 << 10) + 1]);
  first[threadIdx.x] = second[threadIdx.x] = out[threadIdx.x] = 1;
}
__global__ void __launch_bounds__(64) use_dynamic(int* out) {
  DYNAMIC_SHARED(int, buffer);
  SHARED(int, fixed, [64]);
  fixed[threadIdx.x] = buffer[threadIdx.x] = 1;
  out[threadIdx.x] = fixed[threadIdx.x] + buffer[threadIdx.x];
}
__global__ void __launch_bounds__(1024) nothing() {}

TEST_F(Faults, WhatADeviceRefuses) {
  DeviceArray<int> out(64);
  const auto refuses = [](const char* part, const auto& call) { expect_error(call, part); };
  refuses("no blocks", [] { launch(nothing, 0, 32, 0, nullptr); });
  refuses("no blocks", [] { launch(nothing, {1, 0}, 32, 0, nullptr); });
  refuses("65535", [] { launch(nothing, {1, 65536}, 32, 0, nullptr); });
  refuses("65535", [] { launch(nothing, {1, 1, 65536}, 32, 0, nullptr); });
  refuses("2147483647", [] { launch(nothing, int64_t{1} << 31, 32, 0, nullptr); });
  refuses("1024", [] { launch(nothing, 1, 1025, 0, nullptr); });
  refuses("1024", [] { launch(nothing, 1, dim3(32, 33), 0, nullptr); });
  refuses("thread", [] { launch(nothing, 1, 0, 0, nullptr); });
  refuses("shared", [] { launch(nothing, 1, 32, (227 << 10) + 1, nullptr); });
  launch(nothing, {1, 65535, 1}, 1, 227 << 10, nullptr);
  refuses("static shared memory", [&] { launch(fill_large_shared, 1, 64, 0, nullptr, out.data()); });
  refuses("of the launch", [&] { launch(use_dynamic, 1, 64, 227 << 10, nullptr, out.data()); });
  refuses("0 bytes of shared memory", [&] { launch(use_dynamic, 1, 64, 0, nullptr, out.data()); });
  launch(use_dynamic, 1, 64, 256, nullptr, out.data());
  EXPECT_EQ(out.values(), std::vector<int>(64, 2));
  int on_the_host[64];
  refuses("argument 0 is a pointer that is not to device memory", [&] { launch(use_dynamic, 1, 64, 256, nullptr, &on_the_host[0]); });
}

__global__ void __launch_bounds__(32) copy_misaligned(const float* in, int offset) {
  SHARED(Four, tile, [32]);
  cuda::cp_async<16>(&tile[threadIdx.x], in + 4 * threadIdx.x + offset);
  cuda::cp_async_commit();
  cuda::cp_async_wait<0>();
}
__global__ void __launch_bounds__(32) load_misaligned(int offset) {
  SHARED(Four, tile, [40]);
  uint32_t registers[4];
  for (float& value : tile[threadIdx.x].values) value = 0;
  __syncthreads();
  cuda::ldmatrix_x4(registers, &tile[0].values[0] + 4 * threadIdx.x + offset);
}

__global__ void __launch_bounds__(32) copy_to_an_array_of_floats(const float* in) {
  SHARED(float, tile, [128]);  // aligned to 4: that it began at a multiple of 16 would be luck
  cuda::cp_async<16>(&tile[4 * threadIdx.x], in + 4 * threadIdx.x);
  cuda::cp_async_commit();
  cuda::cp_async_wait<0>();
}

TEST_F(Faults, MisalignedOrStrayCopies) {
  DeviceArray<float> in(128);
  launch(copy_misaligned, 1, 32, 0, nullptr, in.data(), 0);
  expect_error([&] { launch(copy_misaligned, 1, 32, 0, nullptr, in.data(), 1); }, "not aligned to 16");
  expect_error([&] { launch(copy_misaligned, 1, 32, 0, nullptr, in.data(), 4); }, "outside device memory");
  expect_error([&] { launch(copy_to_an_array_of_floats, 1, 32, 0, nullptr, in.data()); }, "not aligned to 16");
  expect_error([&] { launch(load_misaligned, 1, 32, 0, nullptr, 2); }, "not aligned to 16");
  expect_error([&] { launch(load_misaligned, 1, 32, 0, nullptr, 64); }, "not in shared memory");
}

__global__ void __launch_bounds__(32) recurse(int* out, int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  if (threadIdx.x == 3 && depth > 0) {
    __syncwarp(1u << 3);  // so that it is a fiber of its own
    recurse(out, depth - 1);
  }
  out[threadIdx.x] = frame[0];
}

TEST_F(Faults, StackOverflowInAFiber) {
  DeviceArray<int> out(32);
  launch(recurse, 1, 32, 0, nullptr, out.data(), 3);
  EXPECT_DEATH(launch(recurse, 1, 32, 0, nullptr, out.data(), 1000), "stack.overflow");
}

__global__ void __launch_bounds__(32) spin(volatile int* flag) {
  while (blockIdx.x == 2 && threadIdx.x == 7 && *flag == 0) {}
}

TEST_F(Faults, AKernelThatHangsIsNamed) {
  DeviceArray<int> flag(1);
  settings().timeout_seconds = 0.2;
  EXPECT_DEATH(launch(spin, 3, 32, 0, nullptr, flag.data()),
               "does not end.*block .2,0,0., thread .7,0,0. of the kernel launched at .*test_faults.cu");
}

}  // namespace
}  // namespace tensor::emulator
