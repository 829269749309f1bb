#include "tensor/ops/exp.h"

#include "tensor/ops/elementwise.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

float from_bits(uint32_t word) {
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

/// Distance of `got` from exp(x) in units of the last place of the true value; below the normal range in units of 2^-149.
double error_in_ulp(float x, float got) {
  const double want = std::exp(static_cast<double>(x));
  const double unit = std::ldexp(1.0, std::max(std::ilogb(want) - 23, -149));
  return std::abs(static_cast<double>(got) - want) / unit;
}

TEST(Exp, WithinItsStatedErrorOnTheWholeRange) {
  const RestoreSettings restore;
  for (const Isa path : available_isas()) {
    set_isa(path);
    SCOPED_TRACE(name(path));
    // Every 1009th float (a prime, so that all low bits occur) whose exp is a finite number above 0.
    std::vector<float> inputs;
    for (uint64_t word = 0; word < (uint64_t{1} << 32); word += 1009) {
      const float x = from_bits(static_cast<uint32_t>(word));
      if (x >= -103.9f && x <= 88.72283f) inputs.push_back(x);
    }
    ASSERT_GT(inputs.size(), 2'000'000u);
    const Tensor y = exp(Tensor::from(inputs, {static_cast<int64_t>(inputs.size())}));
    double normal = 0, denormal = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const double error = error_in_ulp(inputs[i], y.data<float>()[i]);
      double& worst = inputs[i] > -87.33f ? normal : denormal;
      if (!(error <= worst)) worst = error;
    }
    EXPECT_TRUE(normal < 1.0) << normal;
    EXPECT_TRUE(denormal <= 1.0) << denormal;
    RecordProperty(std::string(name(path)), std::to_string(normal));
  }
}

TEST(Exp, EndsOfTheRange) {
  const RestoreSettings restore;
  const float infinity = std::numeric_limits<float>::infinity();
  for (const Isa path : available_isas()) {
    set_isa(path);
    SCOPED_TRACE(name(path));
    const std::vector<float> inputs = {0.0f,    -0.0f,    infinity,      -infinity, 88.7229f, 1000.0f,
                                       -104.0f, -1000.0f, std::nanf(""), 88.72283f, -103.97f};
    const Tensor result = exp(Tensor::from(inputs, {11}));
    const float* y = result.data<float>();
    EXPECT_EQ(y[0], 1.0f);
    EXPECT_EQ(y[1], 1.0f);
    EXPECT_EQ(y[2], infinity);
    EXPECT_EQ(y[3], 0.0f);
    EXPECT_EQ(y[4], infinity);
    EXPECT_EQ(y[5], infinity);
    EXPECT_EQ(y[6], 0.0f);
    EXPECT_EQ(y[7], 0.0f);
    EXPECT_TRUE(std::isnan(y[8]));
    EXPECT_TRUE(std::isfinite(y[9]) && y[9] > 3.4e38f);
    EXPECT_EQ(y[10], 0x1p-149f);  // the smallest denormal is not flushed
  }
}

TEST(Exp, SameValueAloneAndInAVector) {
  // The functor outside any kernel; the difference is at most the rounding that a fused multiply-add saves.
  for (float x = -90; x < 88; x += 0.37f) {
    EXPECT_TRUE(error_in_ulp(x, Exp{}(x)) < 1.0) << x;
  }
  EXPECT_EQ(Exp{}(0.5), std::exp(0.5));
}

}  // namespace
}  // namespace tensor::ops
