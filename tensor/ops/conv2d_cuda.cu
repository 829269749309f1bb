// maths    conv2d.h's sums as GEMMs y[r,c] = sum_k a(r,k) b(c,k); tensor/ops/README.md derives them, and the loops are in
//          tensor/cuda/tile_gemm.h and tensor_core_gemm.h:
//            forward  r = (n,oh,ow)  c = o           k = (kh,kw,c)
//            dx       r = (n,ih,iw)  c = c           k = (kh,kw,o), one GEMM per residue class of (ih,iw) modulo the stride
//            dw       r = o          c = (kh,kw,c)   k = (n,oh,ow)
// cost     a number is read from memory once per 64 outputs (f64: 16) that use it. Scratch: dw's split-K partial sums, at most 4 MB; bf16:
//          packed weights
// parallel a block owns one tile of the result, for dw over one slice of K; slices are added in index order: no race, the same bits
// numerics sums in the operands' dtype, of bf16 in f32; y and dx are rounded once, dw of bf16 is f32
#include "tensor/cuda/runtime.h"

#include "tensor/cuda/gemm.h"
#include "tensor/ops/conv2d_operands.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/staircase.h"

namespace tensor::ops::cuda {
namespace {

using tensor::cuda::index_extent;
using tensor::cuda::launch_gemm;
using tensor::cuda::Matrix;
using tensor::cuda::RowsOut;

int count_of(int64_t count) { return index_extent(count, "conv2d"); }

/// The windows of y's pixels in x.
template <class T, Major major>
Windows<T, major> windows_of(const Tensor& x, const Shape& w, const Shape& y, Conv2dParams params) {
  Windows<T, major> windows{};
  windows.data = x.data<T>();
  windows.height = count_of(x.dim(1)), windows.width = count_of(x.dim(2)), windows.channels = count_of(x.dim(3));
  windows.pixels = count_of(y[0] * y[1] * y[2]), windows.taps = count_of(w[1] * w[2] * w[3]);
  windows.grid_height = FastDivmod(y[1]), windows.grid_width = FastDivmod(y[2]), windows.window_width = FastDivmod(w[2]);
  windows.by_channels = FastDivmod(std::max<int64_t>(1, w[3]));
  windows.step = count_of(params.stride), windows.direction = 1;
  windows.top = windows.left = -count_of(params.padding);
  return windows;
}

template <class T>
Tensor forward(const Tensor& x, const Tensor& w, Conv2dParams params) {
  const Shape shape = conv2d_output_shape(x.shape(), w.shape(), params);
  Tensor y(shape, x.dtype(), x.device());
  if (y.numel() == 0) return y;
  const auto windows = windows_of<T, Major::k>(x, w.shape(), shape, params);
  const int outputs = count_of(w.dim(0)), taps = windows.taps;
  const Matrix<T, Major::k, channels_at_once<T>> weights{w.data<T>(), outputs, taps};
  const RowsOut<T> out{y.data<T>(), windows.pixels, outputs};
  launch_gemm(windows, weights, out, windows.pixels, taps, {1, std::max(1, taps)}, x.device());
  return y;
}

/// dx of one residue class of rows and columns (Conv2dResidue).
template <class T>
void dx_of_class(const Tensor& w, const Tensor& dy, const Shape& x, Conv2dParams params, int64_t first_row, int64_t first_column,
                 Tensor& dx) {
  const Conv2dResidue rows(first_row, x[1], w.dim(1), params), columns(first_column, x[2], w.dim(2), params);
  if (rows.positions == 0 || columns.positions == 0) return;
  const FastDivmod grid_height(rows.positions), grid_width(columns.positions), window_width(std::max<int64_t>(1, columns.taps));
  const FastDivmod by_outputs(std::max<int64_t>(1, w.dim(0)));
  const int stride = count_of(params.stride), row = count_of(first_row), column = count_of(first_column);
  const int pixels = count_of(x[0] * rows.positions * columns.positions), taps = count_of(rows.taps * columns.taps * w.dim(0));

  Windows<T, Major::k> windows{};
  windows.data = dy.data<T>();
  windows.height = count_of(dy.dim(1)), windows.width = count_of(dy.dim(2)), windows.channels = count_of(dy.dim(3));
  windows.pixels = pixels, windows.taps = taps;
  windows.grid_height = grid_height, windows.grid_width = grid_width;
  windows.window_width = window_width, windows.by_channels = by_outputs;
  windows.step = 1, windows.direction = -1;
  windows.top = count_of(rows.shift), windows.left = count_of(columns.shift);

  const WeightsByChannel<T> weights{.data = w.data<T>(),
                                    .kernel_height = count_of(w.dim(1)),
                                    .kernel_width = count_of(w.dim(2)),
                                    .channels = count_of(w.dim(3)),
                                    .taps = taps,
                                    .window_width = window_width,
                                    .by_outputs = by_outputs,
                                    .stride = stride,
                                    .first_row = count_of(rows.tap),
                                    .first_column = count_of(columns.tap)};
  const PixelsOut<T> out{.data = dx.data<T>(),
                         .columns = count_of(x[3]),
                         .height = count_of(x[1]),
                         .width = count_of(x[2]),
                         .pixels = pixels,
                         .grid_height = grid_height,
                         .grid_width = grid_width,
                         .stride = stride,
                         .first_row = row,
                         .first_column = column};
  launch_gemm(windows, weights, out, pixels, taps, {1, std::max(1, taps)}, dx.device());
}

template <class T>
Tensor dx_of(const Tensor& w, const Tensor& dy, const Shape& x_shape, Conv2dParams params) {
  Tensor dx(x_shape, dy.dtype(), dy.device());
  if (dx.numel() == 0) return dx;
  for (int64_t row = 0; row < params.stride; ++row)
    for (int64_t column = 0; column < params.stride; ++column) dx_of_class<T>(w, dy, x_shape, params, row, column, dx);
  return dx;
}

template <class T, class Sum>
Tensor dw_of(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  Tensor dw(w_shape, dtype_of<Sum>(), x.device());
  if (dw.numel() == 0) return dw;
  const auto windows = windows_of<T, Major::mn>(x, w_shape, dy.shape(), params);
  const int outputs = count_of(w_shape[0]);
  const Matrix<T, Major::mn, channels_at_once<T>> dy_by_output{dy.data<T>(), outputs, windows.pixels};
  gemm_split_k<Sum>(dy_by_output, windows, outputs, windows.taps, windows.pixels, dw);
  return dw;
}

/// Tensor cores read 16 bytes at once, which are eight channels.
void check_channels(const Shape& w) {
  CHECK(w[3] % 8 == 0 && w[0] % 8 == 0,
        "conv2d: bf16 needs C and O in multiples of 8, w {} has {} and {}; pad the channels to a multiple of 8", w.to_string(), w[3], w[0]);
}

/// A view may begin anywhere; copies of 16 bytes need an address that is a multiple of 16.
Tensor aligned(const Tensor& x) { return reinterpret_cast<uintptr_t>(x.raw()) % 16 == 0 ? x : x.clone(); }

Tensor packed(const Tensor& w) { return w.dtype() == Dtype::bf16 ? aligned(w) : ops::cast(w, Dtype::bf16); }

}  // namespace

namespace steps {

Tensor conv2d_implicit_gemm(const Tensor& x, const Tensor& w, Conv2dParams params) {
  return dispatch_floating(x.dtype(), [&](auto zero) { return forward<decltype(zero)>(x, w, params); });
}
Tensor conv2d_dx_implicit_gemm(const Tensor& w, const Tensor& dy, const Shape& x_shape, Conv2dParams params) {
  return dispatch_floating(dy.dtype(), [&](auto zero) { return dx_of<decltype(zero)>(w, dy, x_shape, params); });
}
Tensor conv2d_dw_implicit_gemm(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  return dispatch_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return dw_of<T, T>(x, dy, w_shape, params);
  });
}

Tensor conv2d_tensor_cores(const Tensor& x, const Tensor& w, Conv2dParams params) {
  check_channels(w.shape());
  return forward<bfloat16>(aligned(x), packed(w), params);
}
Tensor conv2d_dx_tensor_cores(const Tensor& w, const Tensor& dy, const Shape& x_shape, Conv2dParams params) {
  check_channels(w.shape());
  return dx_of<bfloat16>(packed(w), aligned(dy), x_shape, params);
}
Tensor conv2d_dw_tensor_cores(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  check_channels(w_shape);
  return dw_of<bfloat16, float>(aligned(x), aligned(dy), w_shape, params);
}

}  // namespace steps

Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dParams params) {
  return x.dtype() == Dtype::bf16 ? steps::conv2d_tensor_cores(x, w, params) : steps::conv2d_implicit_gemm(x, w, params);
}
Tensor conv2d_dx(const Tensor& w, const Tensor& dy, const Shape& x_shape, Conv2dParams params) {
  return dy.dtype() == Dtype::bf16 ? steps::conv2d_dx_tensor_cores(w, dy, x_shape, params)
                                   : steps::conv2d_dx_implicit_gemm(w, dy, x_shape, params);
}
Tensor conv2d_dw(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  return x.dtype() == Dtype::bf16 ? steps::conv2d_dw_tensor_cores(x, dy, w_shape, params)
                                  : steps::conv2d_dw_implicit_gemm(x, dy, w_shape, params);
}

}  // namespace tensor::ops::cuda
