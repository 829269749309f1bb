#pragma once
// What the parts of the emulated runtime API share.

#include "tensor/emulator/cuda_api.h"

namespace tensor::emulator {

/// Keeps an error for cudaGetLastError, and returns it.
cudaError_t note(cudaError_t error);

}  // namespace tensor::emulator
