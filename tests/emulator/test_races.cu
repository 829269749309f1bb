// Planted races. Each kernel is sound without its fault: then no order of threads may give a report; with it, every order must give one.

#include "tensor/cuda/runtime.h"

#include <cmath>

#include "tests/emulator/device_array.h"

namespace tensor::emulator {
namespace {

using cuda::launch;

class Races : public Emulated {};

#define ONLY_WHERE_RACES_ARE_FOUND() \
  if (!finds_races()) GTEST_SKIP() << "this build does not look for races; make test-races does"

template <class Body>
void for_each_order_and_landing(const Body& body) {
  for (const Landing landing : {Landing::early, Landing::late}) {
    SCOPED_TRACE(landing == Landing::early ? "copies land early" : "copies land late");
    settings().landing = landing;
    for_each_order(body);
  }
}

template <class Run>
void expect_race(const Run& run, const std::string& part) {
  for_each_order_and_landing([&] { expect_error(run, part); });
}

template <class Run>
void expect_sound(const Run& run) {
  for_each_order_and_landing([&] { EXPECT_EQ(message_of(run), ""); });
}

const std::string no_barrier = "with no barrier between", not_ordered = "blocks of a launch are not ordered";

/// Runs the kernel on `in` = 0, 1, 2 ...
template <class T>
std::vector<T> run(void (*kernel)(const T*, T*), int blocks, int threads, int elements = 4096) {
  DeviceArray<T> in(counted<T>(static_cast<size_t>(elements))), out(static_cast<size_t>(elements));
  launch(kernel, blocks, threads, 0, nullptr, in.data(), out.data());
  return out.values();
}

enum class Fault { none, barrier, last_barrier, place, warp_barrier, only_shuffle, wait, groups, other_copies, blocks, unwritten, plain };

template <Fault fault>
__global__ void __launch_bounds__(256) transpose(const float* in, float* out) {
  SHARED(float, tile, [32][33]);
  const unsigned x = threadIdx.x % 32, y = threadIdx.x / 32, row = blockIdx.x / 2 * 32, column = blockIdx.x % 2 * 32;
  if constexpr (fault == Fault::place) __syncthreads();
  for (unsigned i = y; i < 32; i += 8) tile[i][x] = in[(row + i) * 64 + column + x];
  if constexpr (fault == Fault::none) __syncthreads();
  for (unsigned i = y; i < 32; i += 8) out[(column + i) * 64 + row + x] = tile[x][i];
}

TEST_F(Races, BarrierBetweenStoreAndLoad) {
  expect_sound([] {
    const std::vector<float> out = run(transpose<Fault::none>, 4, 256);
    for (size_t i = 0; i < 4096; ++i) ASSERT_EQ(out[i], static_cast<float>(i % 64 * 64 + i / 64));
  });
  ONLY_WHERE_RACES_ARE_FOUND();
  for_each_order([] {
    const std::string message = message_of([] { run(transpose<Fault::barrier>, 4, 256); });
    const bool found = message.find(no_barrier) != std::string::npos || message.find("is uninitialized") != std::string::npos;
    EXPECT_TRUE(found) << message;
    const std::string misplaced = message_of([] { run(transpose<Fault::place>, 4, 256); });
    EXPECT_NE(misplaced.find("shared memory \"tile\""), std::string::npos) << misplaced;
  });
}

template <Fault fault>
__global__ void __launch_bounds__(128) sum_of_tiles(const float* in, float* out) {
  SHARED(float, tile, [128]);
  float sum = 0;
  for (int i = 0; i < 5; ++i) {
    tile[threadIdx.x] = in[i * 128 + threadIdx.x];
    __syncthreads();
    sum += tile[(threadIdx.x + 37) % 128];
    if constexpr (fault == Fault::none) __syncthreads();
  }
  out[blockIdx.x * 128 + threadIdx.x] = sum;
}

__global__ void __launch_bounds__(128) sum_of_double_buffered_tiles(const float* in, float* out) {
  SHARED(float, tile, [2][128]);
  float sum = 0;
  tile[0][threadIdx.x] = in[threadIdx.x];
  for (int i = 0; i < 5; ++i) {
    __syncthreads();
    if (i < 4) tile[(i + 1) % 2][threadIdx.x] = in[(i + 1) * 128 + threadIdx.x];
    sum += tile[i % 2][(threadIdx.x + 37) % 128];
  }
  out[blockIdx.x * 128 + threadIdx.x] = sum;
}

TEST_F(Races, BarrierAtTheEndOfALoop) {
  expect_sound([] { EXPECT_EQ(run(sum_of_tiles<Fault::none>, 3, 128), run(sum_of_double_buffered_tiles, 3, 128)); });
  ONLY_WHERE_RACES_ARE_FOUND();
  expect_race([] { run(sum_of_tiles<Fault::last_barrier>, 3, 128); }, no_barrier);
}

/// Warps of 32 halve their values; then one warp adds what the warps have left.
template <Fault fault>
__global__ void __launch_bounds__(256) reduce(const float* in, float* out) {
  SHARED(float, values, [256]);
  const unsigned i = threadIdx.x, lane = i % 32;
  values[i] = in[i];
  for (unsigned half = 16; half > 0; half /= 2) {
    if constexpr (fault != Fault::warp_barrier && fault != Fault::only_shuffle) __syncwarp();
    if constexpr (fault == Fault::only_shuffle) __shfl_sync(0xffffffffu, lane, 0);
    if (lane < half) values[i] += values[i + half];
  }
  if constexpr (fault != Fault::barrier) __syncthreads();
  if (i == 0)
    for (unsigned warp = 1; warp < 8; ++warp) values[0] += values[32 * warp];
  __syncthreads();
  out[blockIdx.x * 256 + i] = values[0];
}

TEST_F(Races, OnlyWarpBarriersOrderAWarp) {
  expect_sound([] { EXPECT_EQ(run(reduce<Fault::none>, 2, 256)[300], 255 * 128); });
  ONLY_WHERE_RACES_ARE_FOUND();
  expect_race([] { run(reduce<Fault::warp_barrier>, 2, 256); }, "shared memory \"values\"");
  expect_race([] { run(reduce<Fault::only_shuffle>, 2, 256); }, no_barrier);
  expect_race([] { run(reduce<Fault::barrier>, 2, 256); }, "shared memory \"values\"");
}

using Four = cuda::Pack<float, 4>;

/// Three stages of copies; a thread reads what others have copied.
template <Fault fault>
__global__ void __launch_bounds__(64) pipeline(const float* in, float* out) {
  constexpr int stages = 3, steps = 7;
  SHARED(Four, tiles, [stages][64]);
  const auto start = [&](int step) {
    if (step < steps) cuda::cp_async<16>(&tiles[step % stages][threadIdx.x], in + 256 * step + 4 * threadIdx.x);
    cuda::cp_async_commit();
  };
  for (int step = 0; step < stages - 1; ++step) start(step);
  float sum = 0;
  for (int step = 0; step < steps; ++step) {
    if constexpr (fault == Fault::groups)
      cuda::cp_async_wait<stages - 1>();
    else if constexpr (fault != Fault::wait)
      cuda::cp_async_wait<stages - 2>();
    if constexpr (fault != Fault::other_copies) __syncthreads();
    start(step + stages - 1);
    sum += tiles[step % stages][(threadIdx.x + 32) % 64].values[2];
  }
  out[threadIdx.x] = sum;
}

TEST_F(Races, AsynchronousCopies) {
  expect_sound([] {
    const std::vector<float> out = run(pipeline<Fault::none>, 1, 64);
    for (size_t i = 0; i < 64; ++i) ASSERT_EQ(out[i], static_cast<float>(7 * ((i * 4 + 130) % 256) + 256 * 21));
  });
  ONLY_WHERE_RACES_ARE_FOUND();
  expect_race([] { run(pipeline<Fault::wait>, 1, 64); }, "was waited for");
  expect_race([] { run(pipeline<Fault::groups>, 1, 64); }, "was waited for");
  expect_race([] { run(pipeline<Fault::other_copies>, 1, 64); }, "shared memory \"tiles\"");
}

/// The issuer itself must wait.
template <Fault fault>
__global__ void __launch_bounds__(32) own_copy(const float* in, float* out) {
  SHARED(float, tile, [32]);
  cuda::cp_async<4>(&tile[threadIdx.x], in + threadIdx.x);
  cuda::cp_async_commit();
  if constexpr (fault != Fault::wait) cuda::cp_async_wait<0>();
  out[threadIdx.x] = tile[threadIdx.x];
}

TEST_F(Races, OwnAsynchronousCopy) {
  expect_sound([] { run(own_copy<Fault::none>, 1, 32); });
  ONLY_WHERE_RACES_ARE_FOUND();
  expect_race([] { run(own_copy<Fault::wait>, 1, 32); }, "before its cp.async, issued by thread");
}

/// What a primitive reads counts as read by its thread.
template <Fault fault>
__global__ void __launch_bounds__(64) load_matrices(const float* in, float* out) {
  SHARED(Four, rows, [64]);
  for (int i = 0; i < 4; ++i) rows[threadIdx.x].values[i] = in[4 * threadIdx.x + static_cast<unsigned>(i)];
  if constexpr (fault != Fault::barrier) __syncthreads();
  uint32_t registers[4];
  cuda::ldmatrix_x4(registers, &rows[63 - threadIdx.x]);
  out[threadIdx.x] = static_cast<float>(registers[0]);
}

TEST_F(Races, MatrixLoads) {
  expect_sound([] { run(load_matrices<Fault::none>, 1, 64); });
  ONLY_WHERE_RACES_ARE_FOUND();
  expect_race([] { run(load_matrices<Fault::barrier>, 1, 64); }, "shared memory \"rows\"");
}

template <Fault fault>
__global__ void __launch_bounds__(128) write_tiles(const float*, float* out) {
  const unsigned tile = fault == Fault::blocks ? 127 : 128;
  out[blockIdx.x * tile + threadIdx.x] = 1;
}

template <Fault fault>
__global__ void __launch_bounds__(128) write_flag(const float*, float* out) {
  if (threadIdx.x == 0 && (blockIdx.x == 3 || fault == Fault::blocks)) out[0] = 1;
}

/// Within a block, too.
__global__ void __launch_bounds__(128) write_flag_by_all(const float*, float* out) { out[blockIdx.x] = 1; }

template <Fault fault, unsigned reach = 1>
__global__ void __launch_bounds__(128) stencil(const float* in, float* out) {
  const unsigned i = blockIdx.x * 128 + threadIdx.x;
  out[i] = (fault == Fault::blocks ? out : in)[i + reach];
}

TEST_F(Races, BlocksOfOneLaunch) {
  expect_sound([] { run(write_tiles<Fault::none>, 5, 128); });
  expect_sound([] { run(write_flag<Fault::none>, 5, 128); });
  expect_sound([] { run(stencil<Fault::none>, 5, 128); });
  ONLY_WHERE_RACES_ARE_FOUND();
  expect_race([] { run(write_tiles<Fault::blocks>, 5, 128); }, not_ordered);
  expect_race([] { run(write_flag<Fault::blocks>, 5, 128); }, not_ordered);
  expect_race([] { run(write_flag_by_all, 5, 128); }, no_barrier);
  expect_race([] { run(stencil<Fault::blocks>, 5, 128); }, "device memory at byte");
  expect_race([] { run(stencil<Fault::blocks, 128>, 5, 128); }, not_ordered);
}

TEST_F(Races, LaunchesAreOrdered) {
  expect_sound([] {
    DeviceArray<float> a(counted<float>(1024)), b(1024);
    for (int i = 0; i < 3; ++i) {
      launch(stencil<Fault::none>, 4, 128, 0, nullptr, a.data(), b.data());
      launch(stencil<Fault::none>, 4, 128, 0, nullptr, b.data(), a.data());
    }
  });
}

template <Fault fault>
__global__ void __launch_bounds__(64) half_written(const float* in, float* out) {
  SHARED(float, tile, [64]);
  if (threadIdx.x != 17 || fault != Fault::unwritten) tile[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[blockIdx.x * 64 + threadIdx.x] = fmaxf(tile[63 - threadIdx.x], 0.0f);
}

TEST_F(Races, UnwrittenSharedMemory) {
  expect_sound([] { run(half_written<Fault::none>, 3, 64); });
  ONLY_WHERE_RACES_ARE_FOUND();
  expect_race([] { run(half_written<Fault::unwritten>, 3, 64); }, "reads shared memory \"tile\" at byte 68, which is uninitialized");
}

template <Fault fault>
__global__ void __launch_bounds__(128) count(const int* in, int* out) {
  const unsigned i = blockIdx.x * 128 + threadIdx.x;
  SHARED(int, counts, [8]);
  if (threadIdx.x < 8) counts[threadIdx.x] = 0;
  __syncthreads();
  if (fault == Fault::plain && threadIdx.x == 5)
    counts[in[i] % 8] = 1;
  else
    atomicAdd(&counts[in[i] % 8], 1);
  __syncthreads();
  if (threadIdx.x >= 8) return;
  if (fault == Fault::blocks && blockIdx.x == 1)
    out[threadIdx.x] = counts[threadIdx.x];
  else
    atomicAdd(&out[threadIdx.x], counts[threadIdx.x]);
}

TEST_F(Races, AtomicsAmongThemselves) {
  expect_sound([] { EXPECT_EQ(run(count<Fault::none>, 4, 128)[3], 64); });
  ONLY_WHERE_RACES_ARE_FOUND();
  expect_race([] { run(count<Fault::plain>, 4, 128); }, no_barrier);
  expect_race([] { run(count<Fault::blocks>, 4, 128); }, not_ordered);
}

/// Several have read it, the writer among them.
template <Fault fault>
__global__ void __launch_bounds__(96) read_then_write(const float* in, float* out) {
  SHARED(float, tile, [96]);
  tile[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  const float first = tile[0], of_warp = tile[threadIdx.x / 32 * 32];
  if constexpr (fault != Fault::warp_barrier) __syncwarp();
  if (threadIdx.x == 32) tile[32] = 5;
  if constexpr (fault != Fault::barrier) __syncthreads();
  if (threadIdx.x == 1) tile[0] = of_warp;
  out[threadIdx.x] = first + of_warp;
}

TEST_F(Races, WritesAfterReadsOfSeveral) {
  expect_sound([] { run(read_then_write<Fault::none>, 1, 96); });
  ONLY_WHERE_RACES_ARE_FOUND();
  expect_race([] { run(read_then_write<Fault::warp_barrier>, 1, 96); }, no_barrier);
  expect_race([] { run(read_then_write<Fault::barrier>, 1, 96); }, no_barrier);
}

/// Threads own neighboring elements.
template <class T>
__global__ void __launch_bounds__(128) neighbors(const T* in, T* out) {
  SHARED(T, tile, [131]);
  tile[threadIdx.x + 1] = in[blockIdx.x * 128 + threadIdx.x];
  if (threadIdx.x < 2) tile[129 * threadIdx.x] = 0;
  __syncthreads();
  const T left = tile[threadIdx.x], right = tile[threadIdx.x + 2];
  __syncthreads();
  tile[threadIdx.x + 1] = static_cast<T>(left ^ right);
  out[blockIdx.x * 127 + threadIdx.x + blockIdx.x] = tile[threadIdx.x + 1];
}

TEST_F(Races, NeighborsOfOneAndTwoBytes) {
  expect_sound([] { run(neighbors<unsigned char>, 3, 128); });
  expect_sound([] { run(neighbors<unsigned short>, 3, 128); });
  expect_sound([] { run(neighbors<unsigned long long>, 3, 128); });
}

struct Pointer {
  const float* to;
};
__global__ void __launch_bounds__(32) follow(Pointer pointer, float* out) { out[threadIdx.x] = pointer.to[threadIdx.x]; }

__global__ void __launch_bounds__(64) lend_local(const float* in, float* out) {
  SHARED(const float*, lent, [64]);
  float local[4] = {in[threadIdx.x], 1, 2, 3};
  lent[threadIdx.x] = local;
  __syncthreads();
  out[threadIdx.x] = lent[63 - threadIdx.x][in[0] > 0 ? 1 : 0];
  __syncthreads();
}

TEST_F(Races, MemoryThatIsNotTheKernels) {
  ONLY_WHERE_RACES_ARE_FOUND();
  const std::vector<float> host(32, 1.0f);
  DeviceArray<float> out(32), in(16);
  expect_race([&] { launch(follow, 1, 32, 0, nullptr, Pointer{host.data()}, out.data()); }, "memory that is not the kernel's");
  expect_race([&] { launch(follow, 1, 32, 0, nullptr, Pointer{in.data()}, out.data()); },
              "memory that is not the kernel's: out of bounds at byte");
  expect_race([] { run(lend_local, 1, 64); }, "memory that is not the kernel's");
}

TEST_F(Races, AReportNamesTheThreadsAndThePlaces) {
  ONLY_WHERE_RACES_ARE_FOUND();
  const std::string message = message_of([] { run(sum_of_tiles<Fault::last_barrier>, 3, 128); });
  for (const char* part : {"race check: thread ", " of block ", "shared memory \"tile\" at byte ", "; last barrier ",
                           "test_races.cu:", "; kernel launched at ", "; the access: addr2line -fipCe ", "test_races 0x"})
    EXPECT_NE(message.find(part), std::string::npos) << message << "\nlacks: " << part;
  // A report is given once.
  EXPECT_EQ(message_of([] { run(sum_of_tiles<Fault::none>, 3, 128); }), "");
}

}  // namespace
}  // namespace tensor::emulator
