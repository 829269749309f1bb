#pragma once
// The CUDA staircase: for each op the kernels that lead to the fast one, with one more idea per step. The last step of op x is cuda::x, which
// ops::x runs. Tests compare every step with the oracle; nothing else calls them. tensor/ops/README.md says what each step teaches.

#include "tensor/ops/batch_norm.h"
#include "tensor/ops/conv2d.h"
#include "tensor/ops/matmul.h"
#include "tensor/tensor.h"

namespace tensor::ops::cuda::steps {

// elementwise, shown on two formulas. Last step: 16 bytes per thread and access (cuda::add, cuda::exp).
Tensor add_thread_per_element(const Tensor& a, const Tensor& b);  ///< the thread's index is the element's index; no loop
Tensor exp_thread_per_element(const Tensor& x);
Tensor add_grid_stride(const Tensor& a, const Tensor& b);  ///< a grid of bounded size strides over the elements
Tensor exp_grid_stride(const Tensor& x);

// reduce: sums over the last axis. Last step: as many lanes as the row is long, a block for a long row (cuda::sum(x, -1)).
Tensor sum_last_thread_per_row(const Tensor& x);  ///< uncoalesced: neighboring threads read addresses one row apart
Tensor sum_last_shared_tree(const Tensor& x);     ///< a block per row: coalesced reads, a tree in shared memory
Tensor sum_last_warp_per_row(const Tensor& x);    ///< a warp per row: shuffles; no shared memory, no barrier

// reduce: sums over the first axis. Last step: blocks take slices of the rows, a second launch adds their sums (cuda::sum(x, 0)).
Tensor sum_first_thread_per_column(const Tensor& x);  ///< coalesced, but only as many threads as columns

// reduce: the sum of all elements. Last step: two stages again (cuda::sum(x)).
Tensor sum_one_block(const Tensor& x);  ///< correct, and leaves the rest of the device idle

// batch_norm. Last step: residual and ReLU applied in registers; the backward pass computes both sums in one read (cuda::batch_norm,
// cuda::batch_norm_grad).
decltype(ops::batch_norm) batch_norm_thread_per_channel;  ///< three passes down a column: mean, variance, y
decltype(ops::batch_norm_grad) batch_norm_grad_thread_per_channel;
decltype(ops::batch_norm) batch_norm_two_stages;  ///< statistics in slices, joined by a second launch; residual and ReLU as separate ops

// matmul.
decltype(ops::matmul) matmul_naive;           ///< a thread per output
decltype(ops::matmul) matmul_tiled;           ///< a block shares 16 x 16 tiles of A and B
decltype(ops::matmul) matmul_register_tiled;  ///< a thread keeps a square of outputs in registers; ops::matmul in f32 and f64
decltype(ops::matmul) matmul_tensor_cores;    ///< bf16 in, f32 out: three cp.async stages, ldmatrix, mma; ops::matmul in bf16

// conv2d: a thread per output; f32 and f64.
decltype(ops::conv2d) conv2d_naive;
decltype(ops::conv2d_dx) conv2d_dx_naive;
decltype(ops::conv2d_dw) conv2d_dw_naive;
// conv2d: implicit GEMM, a matrix product whose operands are computed addresses (tensor/cuda/tile_gemm.h); ops::conv2d in f32 and f64.
decltype(ops::conv2d) conv2d_implicit_gemm;
decltype(ops::conv2d_dx) conv2d_dx_implicit_gemm;
decltype(ops::conv2d_dw) conv2d_dw_implicit_gemm;
// conv2d: the same operands on the tensor cores (tensor/cuda/tensor_core_gemm.h); ops::conv2d in bf16.
decltype(ops::conv2d) conv2d_tensor_cores;
decltype(ops::conv2d_dx) conv2d_dx_tensor_cores;
decltype(ops::conv2d_dw) conv2d_dw_tensor_cores;

}  // namespace tensor::ops::cuda::steps
