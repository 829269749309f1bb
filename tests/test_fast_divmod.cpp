#include "tensor/cuda/fast_divmod.h"

#include <gtest/gtest.h>

#include "tests/errors.h"

namespace tensor::cuda {
namespace {

void check(int64_t divisor, int64_t n) {
  if (n < 0 || n >= int64_t{1} << 31) return;
  const FastDivmod by(divisor);
  int quotient = 0, remainder = 0;
  by(quotient, remainder, static_cast<int>(n));
  ASSERT_EQ(quotient, n / divisor) << n << " / " << divisor;
  ASSERT_EQ(remainder, n % divisor) << n << " % " << divisor;
}

TEST(FastDivmod, AgreesWithDivision) {
  constexpr int64_t last = (int64_t{1} << 31) - 1;
  std::vector<int64_t> divisors = {last, last - 1, 1 << 30, (1 << 30) + 1, (1 << 30) - 1, 65535, 65536, 65537, 46341, 1000003};
  for (int64_t divisor = 1; divisor <= 1000; ++divisor) divisors.push_back(divisor);
  for (const int64_t divisor : divisors)
    for (const int64_t near : {int64_t{0}, divisor, 7 * divisor, last / 2 / divisor * divisor, last / divisor * divisor, last})
      for (int64_t n = near - 2; n <= near + 2; ++n) check(divisor, n);
}

TEST(FastDivmod, RefusesWhatItCannotDivideBy) {
  expect_error([] { FastDivmod by(0); }, "a divisor of 0");
  expect_error([] { FastDivmod by(int64_t{1} << 31); }, "below 2^31");
}

}  // namespace
}  // namespace tensor::cuda
