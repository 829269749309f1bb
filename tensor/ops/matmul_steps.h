#pragma once
// The steps from a kernel that anyone would write to the one that ops::matmul runs on CUDA; tensor/README.md has what each one teaches.

#include "tensor/ops/matmul.h"

namespace tensor::ops::cuda::steps {

decltype(ops::matmul) matmul_naive;           ///< one thread, one output
decltype(ops::matmul) matmul_tiled;           ///< a block shares tiles of 16 x 16 numbers
decltype(ops::matmul) matmul_register_tiled;  ///< a thread keeps a square of outputs; ops::matmul in f32 and f64
decltype(ops::matmul) matmul_tensor_cores;    ///< bf16 to f32: three-stage asynchronous copies, matrix loads, mma; ops::matmul in bf16

}  // namespace tensor::ops::cuda::steps
