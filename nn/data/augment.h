#pragma once
// Random augmentation of images, and its color operations.
// The result depends on (seed, epoch, image, view) alone, not on the order of calls or threads. Each operation has random numbers of its
// own, so that switching one off does not change the others.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nn {

struct AugmentKey {
  uint64_t seed;
  int64_t epoch, image, view = 0;
};

/// Makes a size x size image from a from_size x from_size one (3 bytes per pixel); `to` and `from` do not overlap. Thread-safe.
using Augment = std::function<void(const uint8_t* from, int64_t from_size, uint8_t* to, int64_t size, const AugmentKey& key)>;

/// The operations, in the order in which they are applied; all are off by default. Geometry as in torchvision's RandomCrop and
/// RandomResizedCrop, colors as in its ColorJitter on 8-bit images.
struct AugmentOptions {
  int64_t pad = 0;                                      ///< zero padding before a random crop of size x size
  double least_area = 0;                                ///< > 0: instead, a resized crop of least_area .. 1 of the area
  std::array<double, 2> ratio = {0.75, 4.0 / 3};        ///< width / height of that crop, log-uniform
  double flip = 0;                                      ///< probability of a horizontal flip
  double jitter = 0;                                    ///< probability of the four color operations, in random order:
  double brightness = 0, contrast = 0, saturation = 0;  ///< factor in 1 - x .. 1 + x
  double hue = 0;                                       ///< rotation by -x .. x turns, x <= 0.5
  double gray = 0;                                      ///< probability of conversion to gray
};
Augment make_augment(const AugmentOptions& options);

/// Zero padding by `pad`, a random crop, and a horizontal flip with probability 1/2.
Augment crop_and_flip(int64_t pad = 4);

/// The named augmentations:
///   none         empty
///   crop-flip    padding of 4, crop, flip                                       He et al., 2016, for CIFAR
///   contrastive  crops of 20 to 100 % of the area, flip, jitter .4 .4 .4 .1 with probability .8, gray with .2     Chen et al., 2020 (SimCLR)
///   imagenet     crops of 8 to 100 % of the area, flip                          Szegedy et al., 2015
/// An unknown name is an Error that lists them.
Augment augment_by_name(const std::string& name);
const std::vector<std::string>& known_augments();

// The color operations (color.cpp), in place on `pixels` pixels of 3 bytes. Bit-equal to Pillow's ImageEnhance: a blend with a degenerate
// image (black, the mean gray, the gray of each pixel), clamped to 0 .. 255 and truncated.

/// ITU-R 601 luma in integers, rounded: (19595 r + 38470 g + 7471 b + 2^15) / 2^16.
inline uint8_t luma(const uint8_t* rgb) {
  return static_cast<uint8_t>((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000u) >> 16);
}

void change_brightness(uint8_t* rgb, int64_t pixels, float factor);
void change_contrast(uint8_t* rgb, int64_t pixels, float factor);
void change_saturation(uint8_t* rgb, int64_t pixels, float factor);
/// Rotates the hue by `turns` full circles; value and saturation are unchanged (the hexcone model of Smith, 1978), rounded.
void change_hue(uint8_t* rgb, int64_t pixels, float turns);
void make_gray(uint8_t* rgb, int64_t pixels);

}  // namespace nn
