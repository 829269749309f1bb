#include "nn/data/augment.h"

#include <algorithm>
#include <cmath>

// A fused multiply-add rounds differently, which would change some bytes on some machines.
#pragma GCC optimize("fp-contract=off")

namespace nn {
namespace {

/// from + factor (to - from).
uint8_t blended(uint8_t from, uint8_t to, float factor) {
  const float value = static_cast<float>(from) + factor * static_cast<float>(static_cast<int>(to) - static_cast<int>(from));
  return static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f));
}

}  // namespace

void change_brightness(uint8_t* rgb, int64_t pixels, float factor) {
  for (int64_t at = 0; at < 3 * pixels; ++at) rgb[at] = blended(0, rgb[at], factor);
}

void change_contrast(uint8_t* rgb, int64_t pixels, float factor) {
  if (pixels == 0) return;
  int64_t sum = 0;
  for (int64_t at = 0; at < pixels; ++at) sum += luma(rgb + 3 * at);
  const auto mean = static_cast<uint8_t>((2 * sum + pixels) / (2 * pixels));  // rounded half up
  for (int64_t at = 0; at < 3 * pixels; ++at) rgb[at] = blended(mean, rgb[at], factor);
}

void change_saturation(uint8_t* rgb, int64_t pixels, float factor) {
  for (int64_t at = 0; at < pixels; ++at) {
    uint8_t* pixel = rgb + 3 * at;
    const uint8_t gray = luma(pixel);
    for (int channel = 0; channel < 3; ++channel) pixel[channel] = blended(gray, pixel[channel], factor);
  }
}

// The hue is in sixths of the circle: red at 0, green at 2, blue at 4. A channel is v - v s max(0, min(1, k, 4 - k)) with
// k = (offset + hue) mod 6 and the offsets 5, 3, 1 of red, green and blue.
void change_hue(uint8_t* rgb, int64_t pixels, float turns) {
  for (int64_t at = 0; at < pixels; ++at) {
    uint8_t* pixel = rgb + 3 * at;
    const int r = pixel[0], g = pixel[1], b = pixel[2], largest = std::max({r, g, b}), range = largest - std::min({r, g, b});
    if (range == 0) continue;
    const float chroma = static_cast<float>(range);
    float hue = largest == r   ? static_cast<float>(g - b) / chroma
                : largest == g ? 2 + static_cast<float>(b - r) / chroma
                               : 4 + static_cast<float>(r - g) / chroma;
    hue += 6 * turns;
    constexpr float offsets[3] = {5, 3, 1};
    for (int channel = 0; channel < 3; ++channel) {
      float k = offsets[channel] + hue;
      k -= 6 * std::floor(k / 6);
      const float part = std::max(0.0f, std::min({1.0f, k, 4 - k}));
      pixel[channel] = static_cast<uint8_t>(static_cast<float>(largest) - chroma * part + 0.5f);
    }
  }
}

void make_gray(uint8_t* rgb, int64_t pixels) {
  for (int64_t at = 0; at < pixels; ++at) std::fill_n(rgb + 3 * at, 3, luma(rgb + 3 * at));
}

}  // namespace nn
