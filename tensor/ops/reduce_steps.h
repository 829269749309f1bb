#pragma once
// The staircase of reductions, one idea a step, shown on sums; maxima climb it by the same kernels. The last steps are cuda::sum_columns,
// cuda::sum_rows and cuda::sum.

#include "tensor/tensor.h"

namespace tensor::ops::cuda::steps {

// Over the columns: each row is summed on its own.
// 1. A thread walks along its row. Neighboring threads read addresses a row apart, so most of what memory sends is thrown away.
Tensor sum_columns_thread_per_row(const Tensor& x);
// 2. A block shares its row: neighboring threads read neighboring elements, and their partial sums are added by a tree in shared memory.
Tensor sum_columns_shared_tree(const Tensor& x);
// 3. A warp for each row: its 32 partial sums are added by shuffles from register to register, with no shared memory and no barrier.
Tensor sum_columns_warp_per_row(const Tensor& x);
// 4. cuda::sum_columns: as many lanes as the row is long, so that a warp takes several short rows; a block of warps for a long one.

// Over the rows: each column is summed on its own.
// 1. A thread walks down its column. Its neighbors read along with it, but there are only as many threads as columns.
Tensor sum_rows_thread_per_column(const Tensor& x);
// 2. cuda::sum_rows: two stages. Blocks take slices of the rows and leave partial sums, which a second launch adds in one fixed tree.

// Over everything:
// 1. One block strides over all elements: right, and most of the device idles.
Tensor sum_one_block(const Tensor& x);
// 2. cuda::sum: two stages again, the elements seen as rows of some thousands.

}  // namespace tensor::ops::cuda::steps
