// The runtime on a device that can be told to fail: what a user reads then, the pool's policy, what a graph freezes, and that every host
// call which needs a result waits for it.

#include "tensor/cuda/runtime.h"

#include <cstdlib>

#include "tensor/cuda/cuda.h"
#include "tensor/cuda/graph.h"
#include "tensor/cuda/pool.h"
#include "tests/emulator/device_array.h"

namespace tensor::cuda {
namespace {

using emulator::settings;

constexpr Device cuda0{Device::Kind::cuda, 0};

class Runtime : public emulator::Emulated {
 protected:
  Runtime() {
    set_synchronous(false);
    release_cached(0);
  }
  ~Runtime() override {
    set_pool_keeps_blocks(kept_);
    set_synchronous(false);
    release_cached(0);
  }

 private:
  const bool kept_ = pool_keeps_blocks();
};

TEST_F(Runtime, SaysWhyADeviceCannotBeUsed) {
  EXPECT_EQ(unavailable_because(0), "");
  EXPECT_EQ(unavailable_because(1), "cuda:1: this machine has one device; use cuda:0");
  EXPECT_EQ(unavailable_because(-1), "cuda:-1: this machine has one device; use cuda:0");
  settings().devices = 3;
  EXPECT_EQ(device_count(), 3);
  EXPECT_EQ(unavailable_because(3), "cuda:3: this machine has 3 devices; use cuda:0 to cuda:2");
  settings().devices = 0;
  EXPECT_EQ(unavailable_because(0),
            "cuda:0: the NVIDIA driver shows no device; see nvidia-smi, unset CUDA_VISIBLE_DEVICES, or use the cpu");
  settings().devices = 1;
  settings().compute_major = 7;
  settings().compute_minor = 5;
  EXPECT_EQ(unavailable_because(0), "cuda:0: the device is too old: compute capability 7.5, the kernels need 8.0 or later; use the cpu");
  settings().has_driver = false;
  EXPECT_EQ(device_count(), 0);
  EXPECT_EQ(unavailable_because(0), "cuda:0: no NVIDIA driver is installed; install one, or use the cpu");
  expect_error([] { parse_device("cuda"); }, "cuda:0: no NVIDIA driver is installed");
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "a query leaves no error for the next launch";
}

TEST_F(Runtime, OneStreamForEachDeviceWhichBecomesCurrent) {
  settings().devices = 2;
  const cudaStream_t first = stream_of(cuda0), second = stream_of({Device::Kind::cuda, 1});
  int current = 0;
  EXPECT_EQ(cudaGetDevice(&current), cudaSuccess);
  EXPECT_EQ(current, 1);
  EXPECT_NE(first, second);
  EXPECT_EQ(stream_of(cuda0), first);
  expect_error([] { stream_of({}); }, "the cpu has no stream");
}

TEST_F(Runtime, OutOfMemorySaysWhatIsHeldAndWhatToDo) {
  for (const bool keeps : {false, true}) {
    set_pool_keeps_blocks(keeps);
    const Tensor held({300 << 10}, Dtype::u8, cuda0);
    size_t free = 0, total = 0;
    synchronize(0);
    EXPECT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
    settings().memory_bytes = total - free + (1 << 20);
    { const Tensor freed({900 << 10}, Dtype::u8, cuda0); }
    // Fits only when what was freed has gone back to the device.
    { const Tensor other({700 << 10}, Dtype::u8, cuda0); }
    expect_error([] { Tensor({2 << 20}, Dtype::u8, cuda0); }, "cuda:0: out of memory: asked for 2.0 MiB while tensors hold 307200 bytes (");
    expect_error([] { Tensor({2 << 20}, Dtype::u8, cuda0); }, "; use a smaller batch");
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
    const Tensor still({1 << 20}, Dtype::u8, cuda0);
    settings().memory_bytes = size_t{4} << 30;
  }
}

TEST_F(Runtime, PoolHandsOutTheSmallestBlockThatFits) {
  set_pool_keeps_blocks(true);
  const auto block_of = [](int64_t bytes) { return static_cast<const void*>(Tensor({bytes}, Dtype::u8, cuda0).raw()); };
  const StorageStatistics empty = statistics(0);
  const void *large = nullptr, *small = nullptr;
  {
    const Tensor a({81920}, Dtype::u8, cuda0), b({82000}, Dtype::u8, cuda0);
    small = a.raw();
    large = b.raw();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(a.raw()) % 64, 0U);
    EXPECT_EQ(statistics(0).live_bytes - empty.live_bytes, 81920 + 82432) << "multiples of 512";
  }
  EXPECT_EQ(statistics(0).cached_bytes, 81920 + 82432);
  EXPECT_EQ(block_of(81920), small);
  EXPECT_EQ(block_of(81921), large);
  EXPECT_EQ(block_of(73000), small) << "an eighth too large at most";
  {
    const Tensor too_small({70000}, Dtype::u8, cuda0);
    EXPECT_NE(static_cast<const void*>(too_small.raw()), small);
    EXPECT_NE(static_cast<const void*>(too_small.raw()), large);
  }
  release_cached(0);
  EXPECT_EQ(statistics(0).cached_bytes, 0);
  EXPECT_EQ(statistics(0).live_bytes, empty.live_bytes);
}

TEST_F(Runtime, WithoutThePoolATensorIsAnAllocationOfItsSize) {
  if (std::getenv("MODE_POOL") == nullptr) {
    EXPECT_FALSE(pool_keeps_blocks()) << "the emulator's bounds are the tensor's own";
  }
  set_pool_keeps_blocks(false);
  synchronize(0);
  size_t before = 0, after = 0, total = 0;
  EXPECT_EQ(cudaMemGetInfo(&before, &total), cudaSuccess);
  const Tensor x({13}, Dtype::u8, cuda0);
  EXPECT_EQ(cudaMemGetInfo(&after, &total), cudaSuccess);
  EXPECT_EQ(before - after, 13U);
  { const Tensor none({0, 5}, Dtype::f32, cuda0); }
  EXPECT_EQ(statistics(0).cached_bytes, 0);
}

__global__ void __launch_bounds__(256) add_number(float* x, float number, int64_t n) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < n) x[i] += number;
}

__global__ void __launch_bounds__(256) add_first_of(float* x, const float* number, int64_t n) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < n) x[i] += number[0];
}

__global__ void __launch_bounds__(256) copy(float* y, const float* x, int64_t n) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i];
}

void add(Tensor& x, float number) {
  launch(add_number, (x.numel() + 255) / 256, 256, 0, stream_of(x.device()), x.data<float>(), number, x.numel());
}

Tensor plus(const Tensor& x, float number) {
  Tensor y(x.shape(), x.dtype(), x.device());
  launch(copy, (x.numel() + 255) / 256, 256, 0, stream_of(x.device()), y.data<float>(), x.data<float>(), x.numel());
  add(y, number);
  return y;
}

TEST_F(Runtime, HostCopiesWaitForTheStream) {
  settings().lazy_streams = true;
  Tensor x = Tensor::zeros({600}, Dtype::f32, cuda0);
  add(x, 1);
  EXPECT_EQ(x.to_vector(), std::vector<double>(600, 1));
  add(x, 2);
  const Tensor y = x.clone();
  add(x, 4);
  EXPECT_EQ(y.to_vector(), std::vector<double>(600, 3));
  EXPECT_EQ(x.to_vector(), std::vector<double>(600, 7));
  // Freed while the kernels that use it are still to run.
  Tensor z;
  for (const bool keeps : {false, true}) {
    set_pool_keeps_blocks(keeps);
    z = plus(plus(plus(x, 1), 1), 1);
    EXPECT_EQ(z.to_vector(), std::vector<double>(600, 10));
  }
}

TEST_F(Runtime, CopiesToTheDeviceLeaveTheirSourceFree) {
  settings().lazy_streams = true;
  std::vector<uint8_t> source((9 << 20) + 3, 1);
  Tensor x({static_cast<int64_t>(source.size())}, Dtype::u8, cuda0);
  copy_to_device(x.raw(), source.data(), x.bytes(), 0);
  std::fill(source.begin(), source.end(), uint8_t{2});
  EXPECT_EQ(x.to_vector(), std::vector<double>(source.size(), 1));
}

TEST_F(Runtime, RefusedLaunchesNameTheCaller) {
  Tensor x = Tensor::zeros({4}, Dtype::f32, cuda0);
  const auto refused = [&](Grid grid, dim3 block, size_t shared, const std::string& text) {
    expect_error([&] { launch(add_number, grid, block, shared, stream_of(cuda0), x.data<float>(), 1.0F, 4); }, text);
  };
  const int line = __LINE__ + 1;
  refused({0}, 32, 0,
          fmt::format("launch of 0 x 1 x 1 blocks of 32 x 1 x 1 threads with 0 bytes of shared memory: no blocks; an empty "
                      "tensor launches nothing (at {}:{})",
                      __FILE__, line));
  refused({-1}, 32, 0, "no blocks");
  refused({int64_t{1} << 31}, 32, 0, "x is at most 2147483647");
  refused({1, 65536}, 32, 0, "y and z are at most 65535");
  refused({1, 1, 65536}, 32, 0, "y and z are at most 65535");
  refused({1}, 0, 0, "a block has 1 to 1024 threads");
  refused({1}, 1025, 0, "a block has 1 to 1024 threads");
  refused({1}, dim3(32, 33), 0, "a block has 1 to 1024 threads");
  refused({1}, dim3(1, 1, 65), 0, "at most 64 threads along z");
  refused({1}, 32, (227 << 10) + 1, "a block has at most 232448 bytes of shared memory");
  EXPECT_EQ(x.to_vector(), std::vector<double>(4, 0));
  launch(add_number, 1, 32, 227 << 10, stream_of(cuda0), x.data<float>(), 1.0F, 4);
  EXPECT_EQ(x.to_vector(), std::vector<double>(4, 1));
}

TEST_F(Runtime, FailedCallsNameCallAndPlace) {
  const int line = __LINE__ + 1;
  expect_error([] { CUDA_CHECK(cudaSetDevice(77)); },
               fmt::format("cudaSetDevice(77): cudaErrorInvalidDevice: invalid device ordinal (at {}:{})", __FILE__, line));
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "said once";
}

__global__ void __launch_bounds__(64) diverge() {
  if (threadIdx.x < 16) __syncthreads();
}

TEST_F(Runtime, SynchronousLaunchesFailAtTheirLine) {
  settings().lazy_streams = true;
  const cudaStream_t stream = stream_of(cuda0);
  const auto broken = [&] { launch(diverge, 1, 64, 0, stream); };
  EXPECT_EQ(message_of(broken), "") << "a stream that runs later fails later";
  expect_error([] { synchronize(0); }, "test_runtime.cu");
  set_synchronous(true);
  expect_error(broken, "test_runtime.cu");
  set_synchronous(false);
  EXPECT_EQ(Tensor::full({1}, 3, Dtype::f32, cuda0).item(), 3) << "the emulated device still works";
}

TEST_F(Runtime, AGraphRunsWhenItIsReplayed) {
  for (const bool lazy : {false, true})
    for (const bool keeps : {false, true}) {
      SCOPED_TRACE(fmt::format("lazy {}, keeps {}", lazy, keeps));
      settings().lazy_streams = lazy;
      set_pool_keeps_blocks(keeps);
      Tensor x = Tensor::zeros({300}, Dtype::f32, cuda0), y;
      Graph graph(cuda0, [&] { y = plus(plus(x, 1), 1); });
      EXPECT_TRUE(graph.is_recorded());
      graph.replay();
      EXPECT_EQ(y.to_vector(), std::vector<double>(300, 2));
      add(x, 5);
      graph.replay();
      EXPECT_EQ(y.to_vector(), std::vector<double>(300, 7));
    }
}

TEST_F(Runtime, AGraphFreezesWhatIsPassedByValue) {
  Tensor x = Tensor::zeros({3}, Dtype::f32, cuda0), number = Tensor::full({1}, 1, Dtype::f32, cuda0);
  float rate = 1;
  Graph frozen(cuda0, [&] { add(x, rate); });
  Graph follows(cuda0, [&] { launch(add_first_of, 1, 32, 0, stream_of(cuda0), x.data<float>(), number.data<float>(), 3); });
  rate = 100;
  add(number, 99);
  frozen.replay();
  EXPECT_EQ(x.to_vector(), std::vector<double>(3, 1)) << "the number of the capture";
  follows.replay();
  EXPECT_EQ(x.to_vector(), std::vector<double>(3, 101)) << "the number that lies on the device";
}

TEST_F(Runtime, NobodyElseGetsAGraphsMemory) {
  for (const bool keeps : {false, true}) {
    set_pool_keeps_blocks(keeps);
    release_cached(0);
    const int64_t before = statistics(0).live_bytes;
    Tensor y;
    {
      Tensor outside = Tensor::full({5000}, 1, Dtype::f32, cuda0);
      const void* const address_outside = outside.raw();
      Graph graph(cuda0, [&] {
        const Tensor a = plus(outside, 1);
        outside = Tensor();  // freed in the capture: every replay reads it again
        const Tensor b = plus(a, 1);
        y = plus(b, 1);
      });
      const void* const address = y.raw();
      graph.replay();
      EXPECT_EQ(y.to_vector(), std::vector<double>(5000, 4));
      y = Tensor();  // freed after the capture: every replay writes it again
      std::vector<Tensor> more;
      for (int i = 0; i < 8; ++i) {
        more.push_back(Tensor::full({5000}, 7, Dtype::f32, cuda0));
        EXPECT_NE(static_cast<const void*>(more.back().raw()), address);
        EXPECT_NE(static_cast<const void*>(more.back().raw()), address_outside);
      }
      graph.replay();
      for (const Tensor& other : more) EXPECT_EQ(other.to_vector(), std::vector<double>(5000, 7));
    }
    EXPECT_EQ(statistics(0).live_bytes, before) << "with the graph its blocks are free";
  }
}

TEST_F(Runtime, ACaptureUsesItsOwnFreedBlocksAgain) {
  set_pool_keeps_blocks(true);
  const Tensor x = Tensor::zeros({5000}, Dtype::f32, cuda0);
  const int64_t before = statistics(0).live_bytes;
  Tensor y;
  Graph graph(cuda0, [&] {
    y = plus(x, 1);
    for (int i = 0; i < 20; ++i) y = plus(y, 1);
  });
  EXPECT_LE(statistics(0).live_bytes, before + 3 * 20480);
  graph.replay();
  graph.replay();
  EXPECT_EQ(y.to_vector(), std::vector<double>(5000, 21));
}

TEST_F(Runtime, HostCopiesAndWaitsAreErrorsInACapture) {
  Tensor x = Tensor::zeros({3}, Dtype::f32, cuda0);
  expect_error([&] { Graph(cuda0, [&] { x.item(); }); }, "item(): shape (3); expected one element");
  expect_error([&] { Graph(cuda0, [&] { x.to_vector(); }); },
               "cuda:0: a copy to the host cannot be part of the graph that is being captured");
  expect_error([&] { Graph(cuda0, [&] { Tensor::full({3}, 1, Dtype::f32, cuda0); }); }, "a copy from the host cannot be part of the graph");
  expect_error([&] { Graph(cuda0, [&] { synchronize(0); }); }, "a wait for the device cannot be part of the graph");
  expect_error([&] { Graph(cuda0, [&] { Graph(cuda0, [] {}); }); }, "cannot be part of the graph");
  expect_error([&] { Graph({}, [] {}); }, "on the cpu call the function");
  EXPECT_FALSE(is_capturing(0));
  add(x, 1);
  EXPECT_EQ(x.to_vector(), std::vector<double>(3, 1)) << "after a failed capture the device works as before";
}

TEST_F(Runtime, SynchronousGraphsCallTheirFunction) {
  set_synchronous(true);
  Tensor x = Tensor::zeros({3}, Dtype::f32, cuda0);
  int calls = 0;
  Graph graph(cuda0, [&] {
    ++calls;
    add(x, 1);
  });
  EXPECT_FALSE(graph.is_recorded());
  EXPECT_EQ(calls, 0);
  graph.replay();
  graph.replay();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(x.to_vector(), std::vector<double>(3, 2));
}

Tensor of_static_lifetime;

TEST_F(Runtime, StaticTensorsMayBeFreedAtExit) {
  set_pool_keeps_blocks(true);
  of_static_lifetime = Tensor::zeros({3}, Dtype::f32, cuda0);
  EXPECT_EQ(of_static_lifetime.to_vector(), std::vector<double>(3, 0));
}

}  // namespace
}  // namespace tensor::cuda
