#pragma once
// The C++ side of tests/golden/formula.py: inputs that both sides compute, so that only results are stored.

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace golden {

/// `count` 32-bit hash words of a name; formula.py has the same formula.
inline std::vector<uint32_t> words(const std::string& name, int64_t count) {
  uint64_t key = 14695981039346656037ull;
  for (const char c : name) key = (key ^ static_cast<uint8_t>(c)) * 1099511628211ull;
  std::vector<uint32_t> result(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    uint32_t h = static_cast<uint32_t>(i) * 0x9E3779B1u + static_cast<uint32_t>(key);
    for (int round = 0; round < 2; ++round) h = (h ^ (h >> 16)) * 0x45D9F3Bu;
    result[i] = h ^ (h >> 16);
  }
  return result;
}

inline double uniform(uint32_t word) { return static_cast<double>(word >> 8) * 0x1p-24; }

/// low + (high - low) * u, rounded to f32.
inline tensor::Tensor values(const std::string& name, const tensor::Shape& shape, double low, double high) {
  tensor::Tensor result(shape);
  const std::vector<uint32_t> hash = words(name, shape.numel());
  for (size_t i = 0; i < hash.size(); ++i) result.data<float>()[i] = static_cast<float>(low + (high - low) * uniform(hash[i]));
  return result;
}

/// A parameter or buffer of a network with PyTorch's name and layout (convolutions (O, I, KH, KW)).
inline tensor::Tensor parameter(const std::string& name, const tensor::Shape& shape) {
  const auto ends_with = [&](const std::string& end) {
    return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
  };
  const double fan_in = shape.rank() == 4   ? static_cast<double>(shape[1] * shape[2] * shape[3])
                        : shape.rank() == 2 ? static_cast<double>(shape[1])
                                            : 1;
  const bool positive = shape.rank() == 1 && name != "fc.bias" && (ends_with("weight") || ends_with("running_var"));
  const double bound = shape.rank() == 4   ? std::sqrt(6 / fan_in)
                       : shape.rank() == 2 ? 1 / std::sqrt(fan_in)
                       : name == "fc.bias" ? 0.1
                                           : 0.25;
  tensor::Tensor result(shape);
  const std::vector<uint32_t> hash = words(name, shape.numel());
  for (size_t i = 0; i < hash.size(); ++i) {
    const double u = uniform(hash[i]);
    result.data<float>()[i] = static_cast<float>(positive ? 0.5 + u : (2 * u - 1) * bound);
  }
  return result;
}

/// u8, height x width x 3: gradients that wrap around, plus five bits of noise.
inline std::vector<uint8_t> image(const std::string& name, int64_t height, int64_t width) {
  const std::vector<uint32_t> noise = words(name, height * width * 3);
  std::vector<uint8_t> pixels(noise.size());
  size_t at = 0;
  for (int64_t row = 0; row < height; ++row)
    for (int64_t column = 0; column < width; ++column)
      for (int64_t channel = 0; channel < 3; ++channel, ++at)
        pixels[at] = static_cast<uint8_t>(7 * row + 3 * (channel + 1) * column + (noise[at] >> 27));
  return pixels;
}

}  // namespace golden
