// Argument checks, dispatch to the device, and the oracles of conv2d.
#include "tensor/ops/conv2d.h"

#include "tensor/math.h"
#include "tensor/ops/naive.h"

namespace tensor::ops {
namespace {

/// The rows of "types" in conv2d.h. `a` is the activation (x or dy), `b` the weight or the other activation.
void check_operands(const char* op, const char* a_name, const Tensor& a, const char* b_name, const Tensor& b, bool packs_weights) {
  const bool is_packed = packs_weights && a.dtype() == Dtype::bf16 && b.dtype() == Dtype::f32;
  CHECK(a.dtype() == b.dtype() || is_packed, "{}: {} {} is {}, {} {} is {}; cast one of them", op, a_name, a.shape().to_string(),
        name(a.dtype()), b_name, b.shape().to_string(), name(b.dtype()));
  CHECK(a.device() == b.device(), "{}: {} {} is on {}, {} {} is on {}; move one of them", op, a_name, a.shape().to_string(),
        a.device().to_string(), b_name, b.shape().to_string(), b.device().to_string());
  CHECK(a.dtype() != Dtype::bf16 || !a.device().is_cpu(), "{}: {} {} is bf16 on the cpu; bf16 needs CUDA, cast to f32", op, a_name,
        a.shape().to_string());
  if (a.dtype() != Dtype::bf16) check_floating(op, {a_name, a});
}

void check_dy(const char* op, const Tensor& dy, const Shape& x, const Shape& w, Conv2dParams params) {
  const Shape expected = conv2d_output_shape(x, w, params);
  CHECK(dy.shape() == expected, "{}: dy has shape {}; x {} and w {} with stride {}, padding {} need {}", op, dy.shape().to_string(),
        x.to_string(), w.to_string(), params.stride, params.padding, expected.to_string());
}

}  // namespace

Shape conv2d_output_shape(const Shape& x, const Shape& w, Conv2dParams params) {
  CHECK(x.rank() == 4 && w.rank() == 4, "conv2d: expected x (N,H,W,C) and w (O,KH,KW,C), got {} and {}; reshape them", x.to_string(),
        w.to_string());
  CHECK(x[3] == w[3], "conv2d: x {} has {} channels, w {} takes {}; both are channels last", x.to_string(), x[3], w.to_string(), w[3]);
  CHECK(params.stride >= 1 && params.padding >= 0, "conv2d: stride {} and padding {}; use stride >= 1 and padding >= 0", params.stride,
        params.padding);
  CHECK(w[1] >= 1 && w[2] >= 1, "conv2d: w {} has an empty window; use KH, KW >= 1", w.to_string());
  const int64_t rows = x[1] + 2 * params.padding - w[1], columns = x[2] + 2 * params.padding - w[2];
  CHECK(rows >= 0 && columns >= 0,
        "conv2d: the {} x {} kernel is larger than the image {} padded by {}; use more padding or a smaller kernel", w[1], w[2],
        x.to_string(), params.padding);
  return {x[0], rows / params.stride + 1, columns / params.stride + 1, w[0]};
}

Conv2dResidue::Conv2dResidue(int64_t first, int64_t extent, int64_t kernel, Conv2dParams params)
    : positions(first < extent ? ceil_div(extent - first, params.stride) : 0),
      tap((first + params.padding) % params.stride),
      taps(tap < kernel ? ceil_div(kernel - tap, params.stride) : 0),
      shift((first + params.padding) / params.stride) {}

Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dParams params) {
  check_operands("conv2d", "x", x, "w", w, true);
  conv2d_output_shape(x.shape(), w.shape(), params);
  DISPATCH_DEVICE(x, conv2d, x, w, params);
}

Tensor conv2d_dx(const Tensor& w, const Tensor& dy, const Shape& x_shape, Conv2dParams params) {
  check_operands("conv2d_dx", "dy", dy, "w", w, true);
  check_dy("conv2d_dx", dy, x_shape, w.shape(), params);
  DISPATCH_DEVICE(dy, conv2d_dx, w, dy, x_shape, params);
}

Tensor conv2d_dw(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  check_operands("conv2d_dw", "x", x, "dy", dy, false);
  check_dy("conv2d_dw", dy, x.shape(), w_shape, params);
  DISPATCH_DEVICE(x, conv2d_dw, x, dy, w_shape, params);
}

namespace naive {
namespace {

/// visit(x_at, w_at, y_at) for every product of the convolution: the positions of its factors and of the output it belongs to.
template <class Visit>
void for_each_product(const Shape& x, const Shape& w, const Shape& y, Conv2dParams params, const Visit& visit) {
  for (int64_t n = 0; n < y[0]; ++n)
    for (int64_t oh = 0; oh < y[1]; ++oh)
      for (int64_t ow = 0; ow < y[2]; ++ow)
        for (int64_t o = 0; o < y[3]; ++o)
          for (int64_t kh = 0; kh < w[1]; ++kh)
            for (int64_t kw = 0; kw < w[2]; ++kw) {
              const int64_t ih = oh * params.stride + kh - params.padding, iw = ow * params.stride + kw - params.padding;
              if (ih < 0 || ih >= x[1] || iw < 0 || iw >= x[2]) continue;
              const int64_t x_at = ((n * x[1] + ih) * x[2] + iw) * x[3], w_at = ((o * w[1] + kh) * w[2] + kw) * x[3];
              const int64_t y_at = ((n * y[1] + oh) * y[2] + ow) * y[3] + o;
              for (int64_t c = 0; c < x[3]; ++c) visit(x_at + c, w_at + c, y_at);
            }
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dParams params) {
  const Shape shape = conv2d_output_shape(x.shape(), w.shape(), params);
  const std::vector<double> x_data = x.to_vector(), w_data = w.to_vector();
  std::vector<double> y(shape.numel());
  for_each_product(x.shape(), w.shape(), shape, params,
                   [&](int64_t x_at, int64_t w_at, int64_t y_at) { y[y_at] += x_data[x_at] * w_data[w_at]; });
  return rounded(y, shape, x.dtype());
}

Tensor conv2d_dx(const Tensor& w, const Tensor& dy, const Shape& x_shape, Conv2dParams params) {
  const std::vector<double> w_data = w.to_vector(), dy_data = dy.to_vector();
  std::vector<double> dx(x_shape.numel());
  for_each_product(x_shape, w.shape(), dy.shape(), params,
                   [&](int64_t x_at, int64_t w_at, int64_t y_at) { dx[x_at] += dy_data[y_at] * w_data[w_at]; });
  return rounded(dx, x_shape, dy.dtype());
}

Tensor conv2d_dw(const Tensor& x, const Tensor& dy, const Shape& w_shape, Conv2dParams params) {
  const std::vector<double> x_data = x.to_vector(), dy_data = dy.to_vector();
  std::vector<double> dw(w_shape.numel());
  for_each_product(x.shape(), w_shape, dy.shape(), params,
                   [&](int64_t x_at, int64_t w_at, int64_t y_at) { dw[w_at] += x_data[x_at] * dy_data[y_at]; });
  return rounded(dw, w_shape, x.dtype());
}

}  // namespace naive
}  // namespace tensor::ops
