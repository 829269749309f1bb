#pragma once
// The steps from seven loops to what ops::conv2d runs on CUDA; tensor/README.md has what each one teaches.

#include "tensor/ops/conv2d.h"

namespace tensor::ops::cuda::steps {

// One thread, one output: four of the seven loops become threads. f32, f64.
decltype(ops::conv2d) conv2d_naive;
decltype(ops::conv2d_dx) conv2d_dx_naive;
decltype(ops::conv2d_dw) conv2d_dw_naive;

// A product of matrices whose operands are computed addresses: ops::conv2d in f32 and f64, on the main loop of tensor/cuda/tile_product.h.
decltype(ops::conv2d) conv2d_implicit_gemm;
decltype(ops::conv2d_dx) conv2d_dx_implicit_gemm;
decltype(ops::conv2d_dw) conv2d_dw_implicit_gemm;

// The same operands on the tensor cores (tensor/cuda/tensor_core_product.h): ops::conv2d in bf16.
decltype(ops::conv2d) conv2d_tensor_cores;
decltype(ops::conv2d_dx) conv2d_dx_tensor_cores;
decltype(ops::conv2d_dw) conv2d_dw_tensor_cores;

}  // namespace tensor::ops::cuda::steps
