#pragma once
// The source of a binary and the machine it runs on: written into checkpoints and results, printed by `mode --version`. A file of its own,
// because version.cpp is compiled again with every commit.

#include <string>
#include <string_view>

#include "tensor/device.h"

namespace mode {

/// "0.1.0".
std::string_view version();
/// Twelve digits of the commit, with "-dirty" appended if tracked files differed from it; "unknown" outside a git checkout.
std::string_view commit();

/// "cpu", or "NVIDIA H100 80GB HBM3, sm_90, 79.1 GiB". With the instruction set it decides the bits of a result.
std::string device_name(tensor::Device device);
/// "avx512, 2 threads, commit 1234567", after the CUDA device where there is one: the first line of a long command.
std::string machine_line(tensor::Device device);

}  // namespace mode
