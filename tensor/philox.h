#pragma once
// Counter-based random numbers, Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// There is no generator object: the same (seed, stream, counter) always gives the same numbers, on any thread and in any order.

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace tensor {

/// Who draws. Streams never share numbers.
enum class Stream : uint32_t { init = 1, shuffle, augment, synthetic, validation, test = 7 };

/// Four independent 32-bit words for counter (a, b) of a stream.
inline std::array<uint32_t, 4> philox(uint64_t seed, Stream stream, uint64_t a, uint32_t b = 0) {
  std::array<uint32_t, 4> x = {static_cast<uint32_t>(a), static_cast<uint32_t>(a >> 32), b, static_cast<uint32_t>(stream)};
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = 0xD2511F53ull * x[0], product1 = 0xCD9E8D57ull * x[2];
    x = {static_cast<uint32_t>(product1 >> 32) ^ x[1] ^ key0, static_cast<uint32_t>(product1),
         static_cast<uint32_t>(product0 >> 32) ^ x[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return x;
}

/// Uniform in [0, 1), 24 bits.
inline float uniform(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
/// Uniform in [0, 1), 53 bits.
inline double uniform(uint32_t high, uint32_t low) {
  return static_cast<double>(((static_cast<uint64_t>(high) << 32) | low) >> 11) * 0x1p-53;
}
/// Uniform in 0 .. n - 1, n > 0; the bias is at most n / 2^32.
inline uint32_t uniform_below(uint32_t word, uint32_t n) { return static_cast<uint32_t>((static_cast<uint64_t>(word) * n) >> 32); }
/// Two independent standard normal numbers from four words (Box-Muller).
inline std::array<double, 2> normal_pair(const std::array<uint32_t, 4>& words) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform(words[0], words[1])));
  const double angle = 6.283185307179586 * uniform(words[2], words[3]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}
/// A counter from a name (FNV-1a), for parameters that draw by their name.
constexpr uint64_t counter_of(std::string_view text) {
  uint64_t hash = 14695981039346656037ull;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ull;
  return hash;
}

}  // namespace tensor
