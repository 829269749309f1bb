#include "tensor/ops/conv2d.h"

#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

struct Case {
  int64_t n, h, w, c, o, kh, kw, stride, pad;
};

const Case cases[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 0},     {1, 7, 5, 3, 11, 1, 1, 2, 0},  // the projection shortcut that others got wrong
    {2, 8, 8, 16, 32, 1, 1, 2, 0},   {3, 8, 8, 17, 33, 1, 1, 1, 0},
    {2, 9, 7, 3, 16, 3, 3, 1, 1},  // a stem
    {1, 32, 32, 16, 16, 3, 3, 1, 1}, {2, 16, 16, 32, 64, 3, 3, 2, 1},
    {5, 4, 4, 70, 67, 3, 3, 1, 1},                                   // odd channels, several pictures in a block
    {1, 13, 11, 5, 7, 3, 3, 2, 1},   {1, 23, 19, 3, 8, 7, 7, 2, 3},  // the ImageNet stem
    {2, 6, 6, 4, 5, 5, 3, 3, 2},                                     // a window that is not square
    {1, 5, 5, 2, 3, 3, 3, 1, 3},                                     // more padding than the window needs
    {1, 5, 6, 2, 3, 2, 4, 1, 0},                                     // even windows, no padding
    {2, 5, 5, 3, 4, 1, 1, 3, 0},                                     // inputs that no tap reaches
    {1, 6, 6, 3, 4, 2, 2, 4, 0},                                     //
    {1, 3, 3, 600, 20, 3, 3, 1, 1},                                  // a window row longer than a resident piece
    {1, 40, 40, 96, 8, 3, 3, 1, 1},                                  // a picture larger than a block
    {4, 20, 20, 8, 8, 3, 3, 1, 1},                                   // several slices of pixels in dw
    {0, 4, 4, 3, 2, 3, 3, 1, 1},                                     // an empty batch
};

void check_all_passes(const Case& c, Dtype dtype) {
  SCOPED_TRACE(
      fmt::format("x ({},{},{},{}) w ({},{},{},{}) stride {} padding {}", c.n, c.h, c.w, c.c, c.o, c.kh, c.kw, c.c, c.stride, c.pad));
  const Conv2dParams params{c.stride, c.pad};
  const Tensor x = random_tensor({c.n, c.h, c.w, c.c}, dtype, 1), w = random_tensor({c.o, c.kh, c.kw, c.c}, dtype, 2);
  const Tensor dy = random_tensor(conv2d_output_shape(x.shape(), w.shape(), params), dtype, 3);
  // Partial sums of K products below 1 reach sqrt(K) / 3, and each addition is off by half an epsilon of its sum: K / 4 epsilon in all,
  // of which four times are allowed, for the largest of many.
  const double epsilon = dtype == Dtype::f32 ? 0x1p-24 : 0x1p-53;
  const auto bound = [&](int64_t products) { return epsilon * static_cast<double>(4 + products); };
  expect_close(conv2d(x, w, params), naive::conv2d(x, w, params), bound(c.kh * c.kw * c.c));
  expect_close(conv2d_dx(dy, w, x.shape(), params), naive::conv2d_dx(dy, w, x.shape(), params), bound(c.kh * c.kw * c.o));
  expect_close(conv2d_dw(x, dy, w.shape(), params), naive::conv2d_dw(x, dy, w.shape(), params), bound(dy.numel() / c.o));
}

TEST(Conv2d, AgreesWithTheNaiveLoopsInEveryPassOnEveryIsa) {
  for_each_path([](Dtype dtype) {
    for (const Case& c : cases) check_all_passes(c, dtype);
  });
}

TEST(Conv2d, HandWorked) {
  // One picture 1..9, a 2x2 window of ones: sums of neighbours.
  const Tensor x = Tensor::from<float>({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 3, 3, 1}), w = Tensor::full({1, 2, 2, 1}, 1);
  EXPECT_EQ(conv2d(x, w, {1, 0}).to_vector(), (std::vector<double>{12, 16, 24, 28}));
  EXPECT_EQ(conv2d(x, w, {2, 1}).to_vector(), (std::vector<double>{1, 5, 11, 28}));
  const Tensor dy = Tensor::from<float>({1, 10, 100, 1000}, {1, 2, 2, 1});
  EXPECT_EQ(conv2d_dx(dy, w, x.shape(), {1, 0}).to_vector(), (std::vector<double>{1, 11, 10, 101, 1111, 1010, 100, 1100, 1000}));
  EXPECT_EQ(conv2d_dw(x, dy, w.shape(), {1, 0}).to_vector(), (std::vector<double>{5421, 6532, 8754, 9865}));
}

TEST(Conv2d, SameBitsForAnyNumberOfThreads) {
  const Tensor x = random_tensor({6, 17, 17, 24}, Dtype::f32, 1), w = random_tensor({40, 3, 3, 24}, Dtype::f32, 2);
  const Tensor dy = random_tensor({6, 17, 17, 40}, Dtype::f32, 3);
  expect_same_bits_for_any_threads([&] {
    return std::vector<Tensor>{conv2d(x, w, {1, 1}), conv2d_dx(dy, w, x.shape(), {1, 1}), conv2d_dw(x, dy, w.shape(), {1, 1})};
  });
}

TEST(Conv2d, Refuses) {
  const Tensor x = Tensor::zeros({1, 4, 4, 3});
  expect_error([&] { conv2d(x, Tensor::zeros({2, 3, 3, 4}), {1, 1}); }, "has 3 channels");
  expect_error([&] { conv2d(x, Tensor::zeros({2, 5, 5, 3}), {1, 0}); }, "larger than the picture");
  expect_error([&] { conv2d(x, Tensor::zeros({2, 3, 3, 3}), {0, 1}); }, "stride 0");
  expect_error([&] { conv2d(x, Tensor::zeros({2, 3, 3}), {1, 1}); }, "expected x (N,H,W,C)");
  expect_error([&] { conv2d(x, Tensor::zeros({2, 3, 3, 3}, Dtype::f64), {1, 1}); }, "cast one of them");
  expect_error([&] { conv2d_dx(Tensor::zeros({1, 3, 4, 2}), Tensor::zeros({2, 3, 3, 3}), x.shape(), {1, 1}); }, "dy has shape");
}

}  // namespace
}  // namespace tensor::ops
