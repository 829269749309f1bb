#pragma once
// Private to nn/weights.cpp and nn/checkpoint.cpp.

#include <string>

namespace nn {

/// The written name that a foreign one stands for: "module.linear.bias" -> "fc.bias", "layer2.0.shortcut.0.weight" ->
/// "layer2.0.downsample.0.weight".
std::string canonical_name(const std::string& name);

}  // namespace nn
