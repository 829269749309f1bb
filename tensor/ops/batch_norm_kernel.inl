// Batch normalization over one block of rows; compiled once per instruction set (tensor/for_each_isa.h). The compiler vectorizes the loops
// over the channels; the sums of a block stay in the L1 cache.
#include "tensor/ops/lanes.inl"

/// sums[c] += sum of (x[r,c] - mean[c])^2. Four rows are added in T, the fours in double.
template <class T>
void add_squares(const T* __restrict x, const T* __restrict mean, int64_t rows, int64_t columns, double* __restrict sums) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const T *x0 = x + r * columns, *x1 = x0 + columns, *x2 = x1 + columns, *x3 = x2 + columns;
    for (int64_t c = 0; c < columns; ++c) {
      const T d0 = x0[c] - mean[c], d1 = x1[c] - mean[c], d2 = x2[c] - mean[c], d3 = x3[c] - mean[c];
      sums[c] += static_cast<double>((d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3));
    }
  }
  for (; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      const T d = x[r * columns + c] - mean[c];
      sums[c] += static_cast<double>(d * d);
    }
}

template <class T, bool relu, bool has_residual>
void normalize(const T* __restrict x, const T* __restrict residual, const T* __restrict mean, const T* __restrict scale,
               const T* __restrict beta, T* __restrict y, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      T z = Normalize{}(x[r * columns + c], mean[c], scale[c], beta[c]);
      if (has_residual) z += residual[r * columns + c];
      y[r * columns + c] = relu ? Relu{}(z) : z;
    }
}

/// g = dy * [y > 0] or dy;  dbeta[c] += sum of g,  dgamma[c] += sum of g * (x - mean), still without rstd;  keeps g if asked to.
/// Two rows are added in T, the pairs in double.
template <class T, bool relu, bool keep_g>
void grad_sums(const T* __restrict x, const T* __restrict y, const T* __restrict dy, const T* __restrict mean, T* __restrict g,
               int64_t rows, int64_t columns, double* __restrict dbeta, double* __restrict dgamma) {
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2) {
    const T *x0 = x + r * columns, *x1 = x0 + columns, *y0 = y + r * columns, *y1 = y0 + columns, *dy0 = dy + r * columns,
            *dy1 = dy0 + columns;
    T *kept0 = g + r * columns, *kept1 = kept0 + columns;
    for (int64_t c = 0; c < columns; ++c) {
      const T g0 = relu ? ReluGrad{}(y0[c], dy0[c]) : dy0[c], g1 = relu ? ReluGrad{}(y1[c], dy1[c]) : dy1[c];
      if (keep_g) {
        kept0[c] = g0;
        kept1[c] = g1;
      }
      dbeta[c] += static_cast<double>(g0 + g1);
      dgamma[c] += static_cast<double>(g0 * (x0[c] - mean[c]) + g1 * (x1[c] - mean[c]));
    }
  }
  for (; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t at = r * columns + c;
      const T g0 = relu ? ReluGrad{}(y[at], dy[at]) : dy[at];
      if (keep_g) g[at] = g0;
      dbeta[c] += static_cast<double>(g0);
      dgamma[c] += static_cast<double>(g0 * (x[at] - mean[c]));
    }
}

template <class T, bool relu>
void grad_apply(const T* __restrict x, const T* __restrict y, const T* __restrict dy, const T* __restrict mean, const T* __restrict scale,
                const T* __restrict slope, const T* __restrict offset, T* __restrict dx, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t at = r * columns + c;
      const T g = relu ? ReluGrad{}(y[at], dy[at]) : dy[at];
      dx[at] = BatchNormDx::apply(x[at], g, mean[c], scale[c], slope[c], offset[c]);
    }
}
