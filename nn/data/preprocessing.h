#pragma once
// Pixel normalization and input size of a network. Both belong to the weights and are stored in the checkpoint.

#include <vector>

#include "nn/data/resize.h"

namespace nn {

class Dataset;

/// How an image becomes the input of a network: resized and cropped to size x size, then (pixel / 255 - mean) / std.
struct Preprocessing {
  int64_t size = 32;                          ///< the input is size x size
  double mean[3] = {0.4914, 0.4822, 0.4465};  ///< of pixels in 0 .. 1; red, green, blue
  double std[3] = {0.2470, 0.2435, 0.2616};
  Crop crop = Crop::squash;
  int64_t short_side = 0;  ///< of Crop::center; 0: size
  Framing framing() const { return {size, crop, short_side}; }
};

/// An Error that begins with `source` unless mean and std are finite and std is positive.
void check_normalization(const Preprocessing& preprocessing, const std::string& source);

/// The normalization for training on a dataset: the given `mean` and `std` (three numbers each); else the published ones of CIFAR-10 and
/// CIFAR-100; else measured on up to 10,000 images.
Preprocessing preprocessing_for(const Dataset& dataset, int64_t size, const std::vector<double>& mean, const std::vector<double>& std);

}  // namespace nn
