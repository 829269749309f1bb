// The kernels of reduce are the shared ones: sum_of, max_of, add_rows.
#include "tensor/ops/lanes.inl"
