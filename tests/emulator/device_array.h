#pragma once
// What the emulator's own tests share: device memory by CUDA's API alone, and settings that return to what they were.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tensor/cuda/primitives.h"
#include "tensor/emulator/emulator.h"
#include "tests/errors.h"

namespace tensor::emulator {

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : size_(values.size()) {
    EXPECT_EQ(cudaMalloc(reinterpret_cast<void**>(&memory_), size_ * sizeof(T)), cudaSuccess);
    EXPECT_EQ(cudaMemcpyAsync(memory_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice, nullptr), cudaSuccess);
    cudaDeviceSynchronize();
  }
  explicit DeviceArray(size_t size) : DeviceArray(std::vector<T>(size)) {}
  ~DeviceArray() {
    if (cudaFree(memory_) != cudaSuccess) ADD_FAILURE() << "cudaFree";
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() { return memory_; }
  std::vector<T> values() const {
    std::vector<T> result(size_);
    EXPECT_EQ(cudaMemcpyAsync(result.data(), memory_, size_ * sizeof(T), cudaMemcpyDeviceToHost, nullptr), cudaSuccess);
    cudaDeviceSynchronize();
    return result;
  }

 private:
  size_t size_;
  T* memory_ = nullptr;
};

template <class T>
std::vector<T> counted(size_t size, T first = 0) {
  std::vector<T> values(size);
  for (size_t i = 0; i < size; ++i) values[i] = static_cast<T>(first + static_cast<T>(i));
  return values;
}

class Emulated : public testing::Test {
 protected:
  ~Emulated() override { settings() = before_; }

 private:
  const Settings before_ = settings();
};

/// body() for several orders of threads and blocks.
template <class Body>
void for_each_order(const Body& body) {
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6, 7, 8}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    settings().seed = seed;
    body();
  }
}

}  // namespace tensor::emulator
