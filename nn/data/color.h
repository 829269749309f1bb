#pragma once
// Changes of color on 8-bit images, as Pillow's ImageEnhance computes them: a blend with a degenerate image (black, the mean gray,
// each pixel's own gray), cut off at 0 and 255 and truncated. In place; `pixels` counts pixels of 3 bytes.

#include <cstdint>

namespace nn {

/// The luma of ITU-R 601 in whole numbers, rounded: (19595 r + 38470 g + 7471 b + 2^15) / 2^16.
inline uint8_t luma(const uint8_t* rgb) {
  return static_cast<uint8_t>((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000u) >> 16);
}

void change_brightness(uint8_t* rgb, int64_t pixels, float factor);
void change_contrast(uint8_t* rgb, int64_t pixels, float factor);
void change_saturation(uint8_t* rgb, int64_t pixels, float factor);
/// Turns the hue by `turns` of the circle; value and saturation stay (the hexcone model of Smith, 1978), rounded.
void change_hue(uint8_t* rgb, int64_t pixels, float turns);
void make_gray(uint8_t* rgb, int64_t pixels);

}  // namespace nn
