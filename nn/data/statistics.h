#pragma once
// Mean and standard deviation of images: they belong to the weights, and travel in the checkpoint.

#include "nn/checkpoint.h"
#include "nn/data/dataset.h"

namespace mode::tools {

/// `mean` and `std` (three numbers each) when given; CIFAR's published ones for cifar10 and cifar100; else measured on up to 10,000
/// images.
nn::Preprocessing preprocessing_for(const nn::Dataset& dataset, int64_t size, const std::vector<double>& mean,
                                    const std::vector<double>& std);

}  // namespace mode::tools
