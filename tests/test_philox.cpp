#include "tensor/philox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace tensor {
namespace {

using Words = std::array<uint32_t, 4>;

/// The generator by its raw counter and key.
Words raw(const Words& counter, uint32_t key0, uint32_t key1) {
  return philox((static_cast<uint64_t>(key1) << 32) | key0, static_cast<Stream>(counter[3]),
                (static_cast<uint64_t>(counter[1]) << 32) | counter[0], counter[2]);
}

TEST(Philox, KnownAnswers) {
  // From the vectors that its authors publish with Random123.
  EXPECT_EQ(raw({0, 0, 0, 0}, 0, 0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(raw({~0u, ~0u, ~0u, ~0u}, ~0u, ~0u), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(raw({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, SeedStreamAndCounterEachChangeAllWords) {
  std::set<uint32_t> seen;
  size_t drawn = 0;
  for (const uint64_t seed : {0ull, 1ull, 1ull << 32})
    for (const Stream stream : {Stream::init, Stream::shuffle, Stream::test})
      for (const uint64_t a : {0ull, 1ull, 1ull << 32})
        for (const uint32_t b : {0u, 1u})
          for (const uint32_t word : philox(seed, stream, a, b)) {
            seen.insert(word);
            ++drawn;
          }
  EXPECT_EQ(seen.size(), drawn);
  EXPECT_EQ(philox(7, Stream::test, 5, 3), philox(7, Stream::test, 5, 3));
}

TEST(Philox, UniformIsUniform) {
  const int n = 200000, bins = 50;
  std::vector<int> count(bins), narrow(bins), below(7);
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    const Words words = philox(3, Stream::test, static_cast<uint64_t>(i));
    const double wide = uniform(words[0], words[1]);
    const float single = uniform(words[2]);
    ASSERT_TRUE(wide >= 0 && wide < 1 && single >= 0 && single < 1);
    ++count[wide * bins];
    ++narrow[single * bins];
    ++below[uniform_below(words[3], 7)];
    sum += wide;
  }
  // Chi-square with 49 and 6 degrees of freedom: 99.99 % of all seeds stay below 94 and 28.
  const auto chi_square = [&](const std::vector<int>& bin) {
    const double expected = static_cast<double>(n) / static_cast<double>(bin.size());
    double total = 0;
    for (const int hits : bin) total += (hits - expected) * (hits - expected) / expected;
    return total;
  };
  EXPECT_LT(chi_square(count), 94);
  EXPECT_LT(chi_square(narrow), 94);
  EXPECT_LT(chi_square(below), 28);
  EXPECT_NEAR(sum / n, 0.5, 5 * 0.2887 / std::sqrt(n));
  EXPECT_EQ(uniform(0u), 0.0f);
  EXPECT_EQ(uniform(~0u), 1.0f - 0x1p-24f);
  EXPECT_EQ(uniform(~0u, ~0u), 1.0 - 0x1p-53);
  EXPECT_EQ(uniform_below(~0u, 10), 9u);
  EXPECT_EQ(uniform_below(0u, 10), 0u);
}

TEST(Philox, NormalHasTheMomentsOfANormal) {
  const int n = 100000;
  double sum = 0, square = 0, cube = 0, fourth = 0, product = 0;
  for (int i = 0; i < n; ++i) {
    const std::array<double, 2> pair = normal_pair(philox(11, Stream::test, static_cast<uint64_t>(i)));
    for (const double z : pair) {
      ASSERT_TRUE(std::isfinite(z));
      sum += z;
      square += z * z;
      cube += z * z * z;
      fourth += z * z * z * z;
    }
    product += pair[0] * pair[1];
  }
  const double count = 2.0 * n, error = 5 / std::sqrt(count);
  EXPECT_NEAR(sum / count, 0, error);
  EXPECT_NEAR(square / count, 1, error * std::sqrt(2.0));
  EXPECT_NEAR(cube / count, 0, error * std::sqrt(15.0));
  EXPECT_NEAR(fourth / count, 3, error * std::sqrt(96.0));
  EXPECT_NEAR(product / n, 0, 5 / std::sqrt(n));
  // The ends of the uniform numbers: log(0) must not occur.
  EXPECT_TRUE(std::isfinite(normal_pair({~0u, ~0u, 0, 0})[0]));
  EXPECT_EQ(normal_pair({0, 0, 0, 0})[0], 0);
}

TEST(Philox, CounterOfANameIsFnv1a) {
  EXPECT_EQ(counter_of(""), 0xcbf29ce484222325ull);
  EXPECT_EQ(counter_of("a"), 0xaf63dc4c8601ec8cull);
  EXPECT_EQ(counter_of("foobar"), 0x85944171f73967e8ull);
}

}  // namespace
}  // namespace tensor
