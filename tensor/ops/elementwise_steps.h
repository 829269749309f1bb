#pragma once
// The staircase of elementwise kernels, one idea a step, on two formulas. The last step, 16 bytes at a time, is cuda::add and the others.

#include "tensor/tensor.h"

namespace tensor::ops::cuda::steps {

// 1. A thread for each element: who I am says what I write, and there is no loop.
Tensor add_thread_per_element(const Tensor& a, const Tensor& b);
Tensor exp_thread_per_element(const Tensor& x);

// 2. A grid of bounded size strides over the elements: neighboring threads stay at neighboring elements, and starting threads is paid
// once.
Tensor add_grid_stride(const Tensor& a, const Tensor& b);
Tensor exp_grid_stride(const Tensor& x);

}  // namespace tensor::ops::cuda::steps
