#pragma once
// CUDA's runtime API for host code: the Toolkit's, or the emulator's subset.

#ifdef MODE_CUDA_EMULATED
#include "tensor/emulator/cuda_api.h"
#else
#include <cuda_runtime_api.h>
#endif
