// The twins of CUDA's primitives against what a device made of the same random bits. A device writes that record (make gpu-report):
// without it, the comparison is skipped by name.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "nn/safetensors.h"
#include "tensor/cuda/cuda.h"
#include "tensor/philox.h"
#ifdef MODE_WITH_CUDA
#include "tests/primitives.h"

namespace tensor::cuda {
namespace {

const std::string record = std::string(GOLDEN_DIR) + "/cuda_primitives.safetensors";
constexpr uint64_t rounds = 8;

std::vector<int32_t> random_bits(uint64_t round) {
  std::vector<int32_t> bits(static_cast<size_t>(primitive_words));
  for (size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<int32_t>(philox(round, Stream::test, i)[0]);
  return bits;
}

Tensor output_of(const PrimitiveCase& primitive, uint64_t round) {
  const Device device{Device::Kind::cuda, 0};
  const Tensor bits = Tensor::from(random_bits(round), {primitive_words}, device);
  Tensor out = Tensor::zeros({primitive_words}, Dtype::i32, device);
  primitive.run(bits, out);
  return out.to({});
}

std::string name_of(const PrimitiveCase& primitive, uint64_t round) { return fmt::format("{}, round {}", primitive.name, round); }

void compare(const PrimitiveCase& primitive, const Tensor& got, const Tensor& want) {
  ASSERT_EQ(got.numel(), want.numel());
  for (int64_t i = 0; i < got.numel(); ++i) {
    const int32_t a = got.data<int32_t>()[i], b = want.data<int32_t>()[i];
    if (!primitive.rounds) {
      ASSERT_EQ(a, b) << "word " << i;
      continue;
    }
    float x = 0, y = 0;
    std::memcpy(&x, &a, 4);
    std::memcpy(&y, &b, 4);
    // 17 terms of magnitude up to 2^16 meet in one sum; a device may cut each off at the place of the largest, and the sums too.
    ASSERT_TRUE(std::abs(x - y) <= 17 * 0x1p16f * 0x1p-23f + std::abs(y) * 0x1p-21f)
        << "word " << i << ": " << x << ", a device gave " << y;
  }
}

class Primitives : public testing::Test {
 protected:
  void SetUp() override {
    if (!is_available()) GTEST_SKIP() << unavailable_because();
  }
};

TEST_F(Primitives, TwiceTheSameBits) {
  for (const PrimitiveCase& primitive : primitive_cases())
    for (uint64_t round = 0; round < rounds; ++round) {
      const Tensor first = output_of(primitive, round), second = output_of(primitive, round);
      EXPECT_EQ(std::memcmp(first.raw(), second.raw(), static_cast<size_t>(first.bytes())), 0) << name_of(primitive, round);
    }
}

TEST_F(Primitives, AgreeWithADevicesRecord) {
  if (!std::filesystem::exists(record)) GTEST_SKIP() << "no device has recorded its outputs yet (make gpu-report does)";
  const auto file = nn::read_safetensors(record);
  for (const PrimitiveCase& primitive : primitive_cases())
    for (uint64_t round = 0; round < rounds; ++round) {
      SCOPED_TRACE(name_of(primitive, round));
      const auto recorded = file.tensors.find(name_of(primitive, round));
      ASSERT_NE(recorded, file.tensors.end());
      compare(primitive, output_of(primitive, round), recorded->second);
    }
}

TEST_F(Primitives, RecordThemselves) {
  const char* path = std::getenv("MODE_RECORD_PRIMITIVES");
  if (path == nullptr) GTEST_SKIP() << "MODE_RECORD_PRIMITIVES names no file to write";
  if (build_description() == "emulated") GTEST_SKIP() << "only a device's outputs are worth recording";
  nn::TensorFile file;
  for (const PrimitiveCase& primitive : primitive_cases())
    for (uint64_t round = 0; round < rounds; ++round) file.tensors.emplace(name_of(primitive, round), output_of(primitive, round));
  file.metadata["device"] = description(0);
  nn::write_safetensors(path, file);
}

}  // namespace
}  // namespace tensor::cuda
#else
TEST(Primitives, AgreeWithADevicesRecord) { GTEST_SKIP() << tensor::cuda::unavailable_because(); }
#endif
