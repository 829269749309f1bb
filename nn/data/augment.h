#pragma once
// Random changes of images. What an image becomes depends on (seed, epoch, image, view) alone: not on the order of calls, not on
// threads, and no operation's draw on whether another happened.

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

/// Makes a size x size image of a from_size x from_size one (3 bytes a pixel); `to` and `from` do not overlap. Thread-safe.
using Augment = std::function<void(const uint8_t* from, int64_t from_size, uint8_t* to, int64_t size, const AugmentKey& key)>;

/// What is done, in this order; everything is off at first. Geometry as torchvision's RandomCrop and RandomResizedCrop, colors as its
/// ColorJitter on 8-bit images (nn/data/color.h).
struct AugmentOptions {
  int64_t pad = 0;                                      ///< border of zeros, out of which size x size is cropped at random
  double least_area = 0;                                ///< > 0 instead: a crop of least_area .. 1 of the area, resized
  std::array<double, 2> ratio = {0.75, 4.0 / 3};        ///< width / height of that crop, drawn evenly on a logarithmic scale
  double flip = 0;                                      ///< probability of left-right
  double jitter = 0;                                    ///< probability of the four changes of color, in random order:
  double brightness = 0, contrast = 0, saturation = 0;  ///< by a factor in 1 - x .. 1 + x
  double hue = 0;                                       ///< by -x .. x turns, x <= 0.5
  double gray = 0;                                      ///< probability
};
Augment make_augment(const AugmentOptions& options);

/// Zero-pad by `pad`, crop at random, flip left-right with probability 1/2.
Augment crop_and_flip(int64_t pad = 4);

/// The augmentations that a command line, a run's state or a preset names:
///   none         empty
///   crop-flip    a border of 4, crop, flip                                      He et al., 2016, for CIFAR
///   contrastive  crops of 20 to 100 % of the area, flip, jitter .4 .4 .4 .1 with probability .8, gray with .2     Chen et al., 2020 (SimCLR)
///   imagenet     crops of 8 to 100 % of the area, flip                          Szegedy et al., 2015
/// An unknown name is an error that lists them.
Augment augment_by_name(const std::string& name);
const std::vector<std::string>& known_augments();

}  // namespace nn
