// What the emulator promises a correct kernel: CUDA's meaning, in any order of threads.

#include "tensor/cuda/runtime.h"

#include <cmath>
#include <numeric>
#include <set>

#include "tensor/philox.h"
#include "tests/emulator/device_array.h"

namespace tensor::emulator {
namespace {

using cuda::Grid;
using cuda::launch;

class Emulator : public Emulated {};

__global__ void __launch_bounds__(1024) write_indices(int* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned at = block * blockDim.x * blockDim.y * blockDim.z + thread;
  out[at] = static_cast<int>(at);
}

TEST_F(Emulator, EveryThreadOfEveryBlockRunsOnce) {
  for_each_order([] {
    DeviceArray<int> out(2 * 3 * 5 * 4 * 7 * 3);
    launch(write_indices, {2, 3, 5}, dim3(4, 7, 3), 0, nullptr, out.data());
    EXPECT_EQ(out.values(), counted<int>(2 * 3 * 5 * 4 * 7 * 3));
  });
}

__global__ void __launch_bounds__(1024) reverse(const float* in, float* out) {
  SHARED(float, tile, [1024]);
  DYNAMIC_SHARED(double, wide);
  const unsigned i = threadIdx.x, n = blockDim.x;
  for (int round = 0; round < 3; ++round) {
    tile[i] = in[i] + static_cast<float>(round);
    wide[i] = static_cast<double>(round);
    __syncthreads();
    out[i] = tile[n - 1 - i] + static_cast<float>(wide[n - 1 - i]);
    __syncthreads();
  }
}

TEST_F(Emulator, BarriersOrderStaticAndDynamicSharedMemory) {
  for (const int n : {1, 31, 32, 33, 257, 1024})
    for_each_order([n] {
      DeviceArray<float> in(counted<float>(static_cast<size_t>(n))), out(static_cast<size_t>(n));
      launch(reverse, 1, n, static_cast<size_t>(n) * sizeof(double), nullptr, in.data(), out.data());
      std::vector<float> expected = counted<float>(static_cast<size_t>(n), 4);
      std::reverse(expected.begin(), expected.end());
      EXPECT_EQ(out.values(), expected);
    });
}

template <class T>
__global__ void __launch_bounds__(64) shuffles(T* out) {
  const int i = static_cast<int>(threadIdx.x), lane = i % 32;
  const T value = static_cast<T>(i);
  T* to = out + 6 * i;
  to[0] = __shfl_sync(0xffffffffu, value, (lane + 5) % 32);
  to[1] = __shfl_up_sync(0xffffffffu, value, 3u);
  to[2] = __shfl_down_sync(0xffffffffu, value, 3u);
  to[3] = __shfl_xor_sync(0xffffffffu, value, 9);
  to[4] = __shfl_down_sync(0xffffffffu, value, 2u, 8);
  T sum = value;
  for (int bits = 16; bits > 0; bits /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, bits);
  to[5] = sum;
}

template <class T>
void check_shuffles() {
  for_each_order([] {
    DeviceArray<T> out(6 * 64);
    launch(shuffles<T>, 1, 64, 0, nullptr, out.data());
    const std::vector<T> got = out.values();
    for (int i = 0; i < 64; ++i) {
      const int lane = i % 32, warp = i / 32 * 32;
      const std::vector<int> expected = {warp + (lane + 5) % 32, lane < 3 ? i : i - 3,     lane > 28 ? i : i + 3,
                                         warp + (lane ^ 9),      lane % 8 > 5 ? i : i + 2, 32 * warp + 496};
      for (size_t k = 0; k < 6; ++k) ASSERT_EQ(got[static_cast<size_t>(6 * i) + k], static_cast<T>(expected[k])) << i << " " << k;
    }
  });
}

TEST_F(Emulator, ShufflesOfEveryKindAndType) {
  check_shuffles<int>();
  check_shuffles<float>();
  check_shuffles<double>();
}

__global__ void __launch_bounds__(64) votes(unsigned* out) {
  const unsigned i = threadIdx.x, lane = i % 32;
  out[3 * i] = __ballot_sync(0xffffffffu, lane % 3 == 0);
  out[3 * i + 1] = __any_sync(0xffffffffu, i == 40) ? 1 : 0;
  out[3 * i + 2] = __all_sync(0xffffffffu, i < 32) ? 1 : 0;
}

TEST_F(Emulator, Votes) {
  for_each_order([] {
    DeviceArray<unsigned> out(3 * 64);
    launch(votes, 1, 64, 0, nullptr, out.data());
    const std::vector<unsigned> got = out.values();
    for (size_t i = 0; i < 64; ++i) {
      EXPECT_EQ(got[3 * i], 0x49249249u);
      EXPECT_EQ(got[3 * i + 1], i >= 32 ? 1u : 0u);
      EXPECT_EQ(got[3 * i + 2], i < 32 ? 1u : 0u);
    }
  });
}

__global__ void __launch_bounds__(32) half_warps(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  int value = lane;
  if (lane < 16)
    for (int bits = 8; bits > 0; bits /= 2) value += __shfl_xor_sync(0x0000ffffu, value, bits);
  else
    value = 100 * __shfl_sync(0xffff0000u, value, 31);
  out[lane] = value;
}

TEST_F(Emulator, PartsOfAWarpGoTheirOwnWays) {
  for_each_order([] {
    DeviceArray<int> out(32);
    launch(half_warps, 1, 32, 0, nullptr, out.data());
    std::vector<int> expected(32, 120);
    std::fill(expected.begin() + 16, expected.end(), 3100);
    EXPECT_EQ(out.values(), expected);
  });
}

__global__ void __launch_bounds__(64) count_atomically(int* sum, unsigned* bits, int* most, unsigned long long* wide) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(sum, i);
  atomicOr(bits, 1u << (i % 32));
  atomicMax(most, i);
  unsigned long long old = 0, seen = 0;
  do {
    old = seen;
    seen = atomicCAS(wide, old, old + 2);
  } while (seen != old);
}

TEST_F(Emulator, Atomics) {
  for_each_order([] {
    DeviceArray<int> sum(1), most(1);
    DeviceArray<unsigned> bits(1);
    DeviceArray<unsigned long long> wide(1);
    launch(count_atomically, 3, 64, 0, nullptr, sum.data(), bits.data(), most.data(), wide.data());
    EXPECT_EQ(sum.values()[0], 192 * 191 / 2);
    EXPECT_EQ(bits.values()[0], 0xffffffffu);
    EXPECT_EQ(most.values()[0], 191);
    EXPECT_EQ(wide.values()[0], 384u);
  });
}

using Four = cuda::Pack<float, 4>;

__global__ void __launch_bounds__(32) copy_in_groups(const float* in, float* out) {
  SHARED(Four, tile, [3][32]);
  const unsigned lane = threadIdx.x;
  for (int group = 0; group < 3; ++group) {
    cuda::cp_async<16>(&tile[group][lane], in + (static_cast<unsigned>(group) * 32 + lane) * 4, lane != 7);
    cuda::cp_async_commit();
  }
  cuda::cp_async_wait<1>();  // the first two groups have landed
  __syncthreads();
  for (int k = 0; k < 4; ++k) out[lane * 4 + static_cast<unsigned>(k)] = tile[0][31 - lane].values[k] + tile[1][31 - lane].values[k];
  cuda::cp_async_wait<0>();
  __syncthreads();
  for (int k = 0; k < 4; ++k) out[lane * 4 + static_cast<unsigned>(k)] += tile[2][31 - lane].values[k];
}

TEST_F(Emulator, AsynchronousCopiesLandEarlyAndLate) {
  for (const Landing landing : {Landing::early, Landing::late})
    for_each_order([landing] {
      settings().landing = landing;
      DeviceArray<float> in(counted<float>(3 * 128)), out(128);
      launch(copy_in_groups, 1, 32, 0, nullptr, in.data(), out.data());
      const std::vector<float> got = out.values();
      for (size_t lane = 0; lane < 32; ++lane)
        for (size_t k = 0; k < 4; ++k)
          EXPECT_EQ(got[lane * 4 + k], lane == 24 ? 0.0f : static_cast<float>(3 * ((31 - lane) * 4 + k) + 3 * 128)) << lane << " " << k;
    });
}

using Eight = cuda::Pack<uint16_t, 8>;

__global__ void __launch_bounds__(32) load_matrices(const uint16_t* in, uint32_t* out) {
  SHARED(Eight, tile, [32]);
  const unsigned lane = threadIdx.x;
  for (unsigned k = 0; k < 8; ++k) tile[lane].values[k] = in[lane * 8 + k];
  __syncthreads();
  uint32_t straight[4], turned[4];
  cuda::ldmatrix_x4(straight, &tile[lane]);
  cuda::ldmatrix_x4_transposed(turned, &tile[lane]);
  for (unsigned matrix = 0; matrix < 4; ++matrix) {
    out[(lane * 4 + matrix) * 2] = straight[matrix];
    out[(lane * 4 + matrix) * 2 + 1] = turned[matrix];
  }
}

TEST_F(Emulator, MatrixLoadsGiveTheFragmentsOfThePtxManual) {
  for_each_order([] {
    DeviceArray<uint16_t> in(counted<uint16_t>(256));
    DeviceArray<uint32_t> out(256);
    launch(load_matrices, 1, 32, 0, nullptr, in.data(), out.data());
    const std::vector<uint32_t> got = out.values();
    for (uint32_t lane = 0; lane < 32; ++lane)
      for (uint32_t matrix = 0; matrix < 4; ++matrix) {
        const auto element = [matrix](uint32_t row, uint32_t column) { return (matrix * 8 + row) * 8 + column; };
        const uint32_t slow = lane / 4, fast = 2 * (lane % 4);
        EXPECT_EQ(got[(lane * 4 + matrix) * 2], element(slow, fast) | element(slow, fast + 1) << 16);
        EXPECT_EQ(got[(lane * 4 + matrix) * 2 + 1], element(fast, slow) | element(fast + 1, slow) << 16);
      }
  });
}

/// a (16,16) row by row, b (16,8) row by row, d (16,8).
__global__ void __launch_bounds__(32) multiply(const uint16_t* a, const uint16_t* b, float* d) {
  const unsigned g = threadIdx.x / 4, t = 2 * (threadIdx.x % 4);
  const auto pair = [](uint16_t low, uint16_t high) { return static_cast<uint32_t>(low) | static_cast<uint32_t>(high) << 16; };
  const uint32_t fragment_a[4] = {pair(a[g * 16 + t], a[g * 16 + t + 1]), pair(a[(g + 8) * 16 + t], a[(g + 8) * 16 + t + 1]),
                                  pair(a[g * 16 + t + 8], a[g * 16 + t + 9]), pair(a[(g + 8) * 16 + t + 8], a[(g + 8) * 16 + t + 9])};
  const uint32_t fragment_b[2] = {pair(b[t * 8 + g], b[(t + 1) * 8 + g]), pair(b[(t + 8) * 8 + g], b[(t + 9) * 8 + g])};
  float sums[4] = {1, 2, 3, 4};
  cuda::mma_m16n8k16(sums, fragment_a, fragment_b);
  for (unsigned i = 0; i < 4; ++i) d[(g + (i >= 2 ? 8 : 0)) * 8 + t + i % 2] = sums[i];
}

TEST_F(Emulator, TheTensorCoresProduct) {
  std::vector<uint16_t> a(256), b(128);
  for (size_t i = 0; i < 256; ++i) a[i] = bfloat16(2 * uniform(philox(1, Stream::test, i)[0]) - 1).bits;
  for (size_t i = 0; i < 128; ++i) b[i] = bfloat16(2 * uniform(philox(2, Stream::test, i)[0]) - 1).bits;
  const auto widened = [](uint16_t bits) {
    bfloat16 half;
    half.bits = bits;
    return static_cast<double>(static_cast<float>(half));
  };
  for_each_order([&] {
    DeviceArray<uint16_t> left(a), right(b);
    DeviceArray<float> d(128);
    launch(multiply, 1, 32, 0, nullptr, left.data(), right.data(), d.data());
    const std::vector<float> got = d.values();
    for (size_t row = 0; row < 16; ++row)
      for (size_t column = 0; column < 8; ++column) {
        double expected = static_cast<double>(row >= 8 ? 3 : 1) + static_cast<double>(column % 2);
        for (size_t k = 0; k < 16; ++k) expected += widened(a[row * 16 + k]) * widened(b[k * 8 + column]);
        EXPECT_EQ(got[row * 8 + column], static_cast<float>(expected));
      }
  });
}

__global__ void __launch_bounds__(64) note_order(int* next, int* order) {
  order[atomicAdd(next, 1)] = static_cast<int>(blockIdx.x * 64 + threadIdx.x);
}

TEST_F(Emulator, OrderFollowsTheSeedAndTheLaunch) {
  std::set<std::vector<int>> orders;
  for_each_order([&] {
    DeviceArray<int> next(1), order(4 * 64);
    launch(note_order, 4, 64, 0, nullptr, next.data(), order.data());
    std::vector<int> got = order.values();
    orders.insert(got);
    EXPECT_NE(got, counted<int>(4 * 64));
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, counted<int>(4 * 64));
  });
  EXPECT_EQ(orders.size(), 8u);
}

struct AddTerm {
  float term;
  HOST_DEVICE float operator()(float x) const { return x + term; }
};
template <class Function>
__global__ void __launch_bounds__(64) apply(float* x, Function function) {
  x[threadIdx.x] = function(x[threadIdx.x]);
}

TEST_F(Emulator, AGraphRecordsAndReplaysItsArguments) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  DeviceArray<float> x(64);
  AddTerm add = {1};
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), cudaSuccess);
  launch(apply<AddTerm>, 1, 64, 0, stream, x.data(), add);
  launch(apply<AddTerm>, 1, 64, 0, stream, x.data(), add);
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph), cudaSuccess);
  ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  EXPECT_EQ(x.values(), std::vector<float>(64, 0)) << "a capture must not run";
  add.term = 100;  // a frozen parameter: the graph does not see it
  for (int replay = 0; replay < 3; ++replay) ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
  EXPECT_EQ(x.values(), std::vector<float>(64, 6));
  cudaGraphExecDestroy(executable);
  cudaStreamDestroy(stream);
}

TEST_F(Emulator, WaitingInACaptureBreaksIt) {
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(cudaGetLastError(), cudaErrorStreamCaptureInvalidated) << "or the next launch says it";
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  cudaStreamDestroy(stream);
}

TEST_F(Emulator, ALazyStreamRunsWhenSomethingWaits) {
  cudaStream_t stream = nullptr, other = nullptr;
  cudaEvent_t event = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  DeviceArray<float> x(64);
  settings().lazy_streams = true;
  float host = -1;
  launch(apply<AddTerm>, 1, 64, 0, stream, x.data(), AddTerm{1});
  cudaMemcpyAsync(&host, x.data(), sizeof(float), cudaMemcpyDeviceToHost, stream);
  EXPECT_EQ(host, -1) << "nothing has waited";
  cudaStreamSynchronize(stream);
  EXPECT_EQ(host, 1);
  launch(apply<AddTerm>, 1, 64, 0, stream, x.data(), AddTerm{1});
  cudaEventRecord(event, stream);
  cudaStreamWaitEvent(other, event);
  cudaMemcpyAsync(&host, x.data(), sizeof(float), cudaMemcpyDeviceToHost, other);
  cudaStreamSynchronize(other);
  EXPECT_EQ(host, 2) << "the other stream waits for the event, so for the kernel before it";
  cudaEventDestroy(event);
  cudaStreamDestroy(stream);
  cudaStreamDestroy(other);
}

TEST_F(Emulator, AnErrorLeavesTheEmulatorUsable) {
  float on_the_host[64] = {};
  for (int i = 0; i < 3; ++i) {
    expect_error([&] { launch(apply<AddTerm>, 1, 64, 0, nullptr, &on_the_host[0], AddTerm{1}); }, "not to device memory");
    DeviceArray<float> x(64);
    launch(apply<AddTerm>, 1, 64, 0, nullptr, x.data(), AddTerm{1});
    EXPECT_EQ(x.values(), std::vector<float>(64, 1));
  }
}

}  // namespace
}  // namespace tensor::emulator
