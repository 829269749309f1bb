#include "tensor/cuda/runtime.h"

#include "tensor/cuda/primitives.h"
#include "tests/primitives.h"

namespace tensor::cuda {
namespace {

using Four = Pack<uint32_t, 4>;

constexpr unsigned everyone = 0xffffffffu;

template <class Body>
__global__ void __launch_bounds__(32) run_warp(const uint32_t* in, uint32_t* out, Body body) {
  body(in + 16 * threadIdx.x, out + 16 * threadIdx.x);
}

template <class Body>
void on_one_warp(const Tensor& bits, Tensor& out) {
  launch(run_warp<Body>, 1, 32, 0, stream_of(bits.device()), reinterpret_cast<const uint32_t*>(bits.data<int32_t>()),
         reinterpret_cast<uint32_t*>(out.data<int32_t>()), Body{});
}

struct Shuffles {
  __device__ void operator()(const uint32_t* in, uint32_t* out) const {
    const int argument = static_cast<int>(in[1] % 32);
    out[0] = __shfl_sync(everyone, in[0], argument);
    out[1] = __shfl_sync(everyone, in[0], argument, 8);
    // The distances of the other kinds must be one number for the whole warp to be defined.
    const int distance = static_cast<int>(__shfl_sync(everyone, in[1], 0) % 32);
    int at = 2;
    for (int width = 32; width >= 4; width /= 2, at += 3) {
      out[at] = __shfl_up_sync(everyone, in[0], static_cast<unsigned>(distance), width);
      out[at + 1] = __shfl_down_sync(everyone, in[0], static_cast<unsigned>(distance), width);
      out[at + 2] = __shfl_xor_sync(everyone, in[0], distance, width);
    }
  }
};

struct Votes {
  __device__ void operator()(const uint32_t* in, uint32_t* out) const {
    for (int i = 0; i < 4; ++i) out[i] = __ballot_sync(everyone, (in[i] & 1u) != 0);
    out[4] = __any_sync(everyone, in[4] % 64 == 0) ? 1 : 0;
    out[5] = __all_sync(everyone, in[5] % 64 != 0) ? 1 : 0;
  }
};

template <int bytes>
struct Copies {
  __device__ void operator()(const uint32_t* in, uint32_t* out) const {
    SHARED(Four, tile, [32][4]);
    const unsigned lane = threadIdx.x;
    for (int word = 0; word < 16; word += bytes / 4) {
      cp_async<bytes>(&tile[lane][word / 4].values[word % 4], in + word, (in[word] & 3u) != 0);
      if (word % 8 == 0) cp_async_commit();
    }
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
    for (int word = 0; word < 16; ++word) out[word] = tile[31 - lane][word / 4].values[word % 4];
  }
};

template <bool transposed>
struct Matrices {
  __device__ void operator()(const uint32_t* in, uint32_t* out) const {
    SHARED(Four, rows, [32]);
    const unsigned lane = threadIdx.x;
    for (int word = 0; word < 4; ++word) rows[lane].values[word] = in[word];
    __syncthreads();
    uint32_t registers[4];
    if constexpr (transposed)
      ldmatrix_x4_transposed(registers, &rows[lane]);
    else
      ldmatrix_x4(registers, &rows[lane]);
    for (int matrix = 0; matrix < 4; ++matrix) out[matrix] = registers[matrix];
  }
};

/// The halves of any word as bfloat16 of magnitude 2^-8 .. 2^7.
HOST_DEVICE uint32_t moderate(uint32_t word) {
  const uint32_t low = (word & 0x807fu) | (119u + (word >> 7 & 15u)) << 7, high = word >> 16;
  return low | ((high & 0x807fu) | (119u + (high >> 7 & 15u)) << 7) << 16;
}

struct Product {
  __device__ void operator()(const uint32_t* in, uint32_t* out) const {
    float d[4];
    for (int i = 0; i < 4; ++i) d[i] = static_cast<float>(static_cast<int>(in[i])) * 0x1p-24f;
    const uint32_t a[4] = {moderate(in[4]), moderate(in[5]), moderate(in[6]), moderate(in[7])}, b[2] = {moderate(in[8]), moderate(in[9])};
    mma_m16n8k16(d, a, b);
    for (int i = 0; i < 4; ++i) std::memcpy(&out[i], &d[i], 4);
  }
};

struct Atomics {
  __device__ void operator()(const uint32_t* in, uint32_t* out) const {
    SHARED(unsigned, words, [4]);
    SHARED(int, numbers, [4]);
    const unsigned lane = threadIdx.x;
    if (lane < 4) {
      words[lane] = 0;
      numbers[lane] = 0;
    }
    __syncthreads();
    atomicAdd(&words[lane % 2], in[0]);
    atomicOr(&words[2 + lane % 2], 1u << (in[1] % 32));
    atomicMax(&numbers[lane % 2], static_cast<int>(in[2]));
    atomicMin(&numbers[2 + lane % 2], static_cast<int>(in[3]));
    __syncthreads();
    out[0] = words[lane % 4];
    out[1] = static_cast<uint32_t>(numbers[lane % 4]);
  }
};

}  // namespace

std::vector<PrimitiveCase> primitive_cases() {
  return {{"shuffles", false, on_one_warp<Shuffles>},
          {"votes", false, on_one_warp<Votes>},
          {"cp_async of 4 bytes", false, on_one_warp<Copies<4>>},
          {"cp_async of 8 bytes", false, on_one_warp<Copies<8>>},
          {"cp_async of 16 bytes", false, on_one_warp<Copies<16>>},
          {"ldmatrix", false, on_one_warp<Matrices<false>>},
          {"ldmatrix transposed", false, on_one_warp<Matrices<true>>},
          {"mma m16n8k16", true, on_one_warp<Product>},
          {"atomics", false, on_one_warp<Atomics>}};
}

}  // namespace tensor::cuda
