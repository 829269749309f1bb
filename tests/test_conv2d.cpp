#include "tensor/ops/conv2d.h"

#include "autograd/cases/conv2d.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/staircase.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

using Case = autograd::cases::Conv2dCase;
using autograd::cases::conv2d_cases;

// Several slices of pixels in dw.
const Case split_dw = {.n = 4, .h = 20, .w = 20, .c = 8, .o = 8, .kh = 3, .kw = 3, .stride = 1, .padding = 1};

struct Arguments {
  Tensor x, w, dy;
  Conv2dParams params;
};

Arguments arguments_of(const Case& c, Dtype dtype) {
  const Shape y = conv2d_output_shape(c.x_shape(), c.w_shape(), c.params());
  return {random_tensor(c.x_shape(), dtype, 1), random_tensor(c.w_shape(), dtype, 2), random_tensor(y, dtype, 3), c.params()};
}

/// y, dx, dw of the oracles on the cpu.
std::vector<Tensor> oracles(const Arguments& given) {
  const Tensor x = on_cpu(given.x), w = on_cpu(given.w), dy = on_cpu(given.dy);
  return {naive::conv2d(x, w, given.params), naive::conv2d_dx(w, dy, x.shape(), given.params),
          naive::conv2d_dw(x, dy, w.shape(), given.params)};
}

std::vector<Tensor> all_passes(const Arguments& a) {
  return {conv2d(a.x, a.w, a.params), conv2d_dx(a.w, a.dy, a.x.shape(), a.params), conv2d_dw(a.x, a.dy, a.w.shape(), a.params)};
}

/// How many products the three passes sum.
std::vector<double> depths(const Case& c, const Tensor& dy) {
  return {static_cast<double>(c.kh * c.kw * c.c), static_cast<double>(c.kh * c.kw * c.o), static_cast<double>(dy.numel() / c.o)};
}

// Partial sums of K products below 1 reach sqrt(K) / 3, and each addition is off by half an epsilon of its sum: K / 4 epsilon in all,
// of which four times are allowed, for the largest of many.
double bound(Dtype dtype, double products) { return (dtype == Dtype::f32 ? 0x1p-24 : 0x1p-53) * (4 + products); }

void expect_passes_close(const std::vector<Tensor>& got, const std::vector<Tensor>& want, const std::vector<double>& tolerances) {
  const char* const names[] = {"y", "dx", "dw"};
  for (size_t i = 0; i < 3; ++i) {
    SCOPED_TRACE(names[i]);
    expect_close(got[i], want[i], tolerances[i]);
  }
}

void check_all_passes(const Case& c, Dtype dtype, const std::function<std::vector<Tensor>(const Arguments&)>& passes) {
  SCOPED_TRACE(c.name());
  const Arguments given = arguments_of(c, dtype);
  std::vector<double> tolerances;
  for (const double depth : depths(c, given.dy)) tolerances.push_back(bound(dtype, depth));
  expect_passes_close(passes(given), oracles(given), tolerances);
}

KERNEL_TEST(Conv2d, AgreesWithTheNaiveLoopsInEveryPass) {
  for (const Case& c : conv2d_cases) check_all_passes(c, dtype, all_passes);
}

CUDA_TEST(Conv2d, EveryStepAgreesWithTheNaiveLoops) {
  namespace steps = cuda::steps;
  for (const Case& c : conv2d_cases)
    check_all_passes(c, dtype, [](const Arguments& a) {
      return std::vector<Tensor>{steps::conv2d_naive(a.x, a.w, a.params), steps::conv2d_dx_naive(a.w, a.dy, a.x.shape(), a.params),
                                 steps::conv2d_dw_naive(a.x, a.dy, a.w.shape(), a.params)};
    });
  const Case odd_stride_2 = {.n = 1, .h = 13, .w = 11, .c = 5, .o = 7, .kh = 3, .kw = 3, .stride = 2, .padding = 1};
  for (const Case& c : {split_dw, odd_stride_2}) {
    const Arguments a = arguments_of(c, dtype);
    expect_same_bits(steps::conv2d_implicit_gemm(a.x, a.w, a.params), conv2d(a.x, a.w, a.params));
    expect_same_bits(steps::conv2d_dx_implicit_gemm(a.w, a.dy, a.x.shape(), a.params), conv2d_dx(a.w, a.dy, a.x.shape(), a.params));
    expect_same_bits(steps::conv2d_dw_implicit_gemm(a.x, a.dy, a.w.shape(), a.params), conv2d_dw(a.x, a.dy, a.w.shape(), a.params));
  }
}

CUDA_TEST(Conv2d, TensorCoresAgreeWithTheLoopsInDoubleOnTheSameRoundedNumbers) {
  if (dtype == Dtype::f64) return;
  for (const Case& c : conv2d_cases)
    for (const bool packed : {false, true}) {
      if (!c.fits_bf16()) continue;
      SCOPED_TRACE(c.name() + (packed ? ", w packed" : ""));
      Arguments given = arguments_of(c, dtype), doubles = given;
      const Tensor rounded_w = cast(given.w, Dtype::bf16);
      given.x = cast(given.x, Dtype::bf16), given.dy = cast(given.dy, Dtype::bf16);
      if (packed) given.w = rounded_w;
      doubles.x = cast(given.x, Dtype::f64), doubles.dy = cast(given.dy, Dtype::f64), doubles.w = cast(rounded_w, Dtype::f64);
      const std::vector<Tensor> results = all_passes(given);
      EXPECT_EQ(results[0].dtype(), Dtype::bf16);
      EXPECT_EQ(results[1].dtype(), Dtype::bf16);
      EXPECT_EQ(results[2].dtype(), Dtype::f32);
      // The sums are those of f32; y and dx are then rounded to bf16, off by at most 2^-8 of themselves.
      const std::vector<double> depth = depths(c, given.dy);
      expect_passes_close(
          {cast(results[0], Dtype::f64), cast(results[1], Dtype::f64), cast(results[2], Dtype::f64)}, oracles(doubles),
          {0x1p-8 + 2 * bound(Dtype::f32, depth[0]), 0x1p-8 + 2 * bound(Dtype::f32, depth[1]), bound(Dtype::f32, depth[2])});
    }
}

CUDA_TEST(Conv2d, ViewsOfBfloat16BeginAnywhere) {
  if (dtype == Dtype::f64) return;
  Arguments given = arguments_of({.n = 1, .h = 7, .w = 5, .c = 8, .o = 24, .kh = 1, .kw = 1, .stride = 2, .padding = 0}, dtype);
  given.x = cast(given.x, Dtype::bf16), given.w = cast(given.w, Dtype::bf16), given.dy = cast(given.dy, Dtype::bf16);
  const auto moved = [](const Tensor& x) {  // the same numbers, two bytes further on
    const int64_t n = x.numel();
    std::vector<double> values = cast(x, Dtype::f64).to_vector();
    values.insert(values.begin(), 0);
    return cast(Tensor::from(values, {n + 1}, x.device()), Dtype::bf16).rows(1, n + 1).reshape(x.shape());
  };
  Arguments views = given;
  views.x = moved(given.x), views.w = moved(given.w), views.dy = moved(given.dy);
  const std::vector<Tensor> expected = all_passes(given), got = all_passes(views);
  for (size_t i = 0; i < expected.size(); ++i) expect_same_bits(got[i], expected[i]);
}

KERNEL_TEST(Conv2d, PassesAreAdjoint) {
  // <dy, conv(x, w)> = <dx, x> = <dw, w>: three sums of the same products, so f64 knows them to rounding.
  if (dtype == Dtype::f32) return;
  const auto scalar_product = [](const Tensor& a, const Tensor& b) {
    const std::vector<double> left = a.to_vector(), right = b.to_vector();
    double sum = 0;
    for (size_t i = 0; i < left.size(); ++i) sum += left[i] * right[i];
    return sum;
  };
  for (const Case& c : {Case{.n = 2, .h = 21, .w = 19, .c = 20, .o = 35, .kh = 3, .kw = 3, .stride = 1, .padding = 1},
                        Case{.n = 3, .h = 17, .w = 18, .c = 19, .o = 34, .kh = 3, .kw = 3, .stride = 2, .padding = 1},
                        Case{.n = 2, .h = 18, .w = 17, .c = 33, .o = 18, .kh = 1, .kw = 1, .stride = 2, .padding = 0},
                        Case{.n = 1, .h = 30, .w = 29, .c = 3, .o = 17, .kh = 7, .kw = 7, .stride = 2, .padding = 3}}) {
    SCOPED_TRACE(c.name());
    const Arguments given = arguments_of(c, dtype);
    const std::vector<Tensor> results = all_passes(given);
    const double loss = scalar_product(given.dy, results[0]);
    // About sqrt(number of products) / 5, of which rounding leaves 1e-13 untouched.
    const double scale = std::sqrt(static_cast<double>(given.dy.numel() * c.kh * c.kw * c.c));
    EXPECT_NEAR(loss, scalar_product(results[1], given.x), 1e-13 * scale);
    EXPECT_NEAR(loss, scalar_product(results[2], given.w), 1e-13 * scale);
  }
}

CUDA_TEST(Conv2d, GradientsAgreeWithDifferences) {
  if (dtype == Dtype::f32) return;
  for (const Case& c : {Case{.n = 1, .h = 4, .w = 3, .c = 2, .o = 2, .kh = 3, .kw = 2, .stride = 2, .padding = 1},
                        Case{.n = 2, .h = 3, .w = 2, .c = 2, .o = 3, .kh = 1, .kw = 1, .stride = 2, .padding = 0}}) {
    SCOPED_TRACE(c.name());
    const Arguments a = arguments_of(c, dtype);
    expect_gradient(a.x, a.dy, conv2d_dx(a.w, a.dy, a.x.shape(), a.params), [&](const Tensor& x) { return conv2d(x, a.w, a.params); });
    expect_gradient(a.w, a.dy, conv2d_dw(a.x, a.dy, a.w.shape(), a.params), [&](const Tensor& w) { return conv2d(a.x, w, a.params); });
  }
}

KERNEL_TEST(Conv2d, HandWorked) {
  // One image 1..9, a 2x2 window of ones: sums of neighbors.
  const Tensor x = tensor_of({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 3, 3, 1}, dtype), w = full({1, 2, 2, 1}, 1, dtype);
  EXPECT_EQ(conv2d(x, w, {1, 0}).to_vector(), (std::vector<double>{12, 16, 24, 28}));
  EXPECT_EQ(conv2d(x, w, {2, 1}).to_vector(), (std::vector<double>{1, 5, 11, 28}));
  const Tensor dy = tensor_of({1, 10, 100, 1000}, {1, 2, 2, 1}, dtype);
  EXPECT_EQ(conv2d_dx(w, dy, x.shape(), {1, 0}).to_vector(), (std::vector<double>{1, 11, 10, 101, 1111, 1010, 100, 1100, 1000}));
  EXPECT_EQ(conv2d_dw(x, dy, w.shape(), {1, 0}).to_vector(), (std::vector<double>{5421, 6532, 8754, 9865}));
}

CUDA_TEST(Conv2d, CudaAgreesWithTheCpu) {
  const Case c = {.n = 3, .h = 9, .w = 10, .c = 19, .o = 17, .kh = 3, .kw = 3, .stride = 1, .padding = 1};
  expect_close_on_cpu_and_cuda([&] { return all_passes(arguments_of(c, dtype)); }, bound(dtype, 3 * 9 * 10));
}

TEST(Conv2d, SameBitsForAnyNumberOfThreads) {
  const Arguments given =
      arguments_of({.n = 6, .h = 17, .w = 17, .c = 24, .o = 40, .kh = 3, .kw = 3, .stride = 1, .padding = 1}, Dtype::f32);
  expect_same_bits_for_any_threads([&] { return all_passes(given); });
}

CUDA_TEST(Conv2d, SameBitsTwice) {
  Arguments given = arguments_of(split_dw, dtype);
  expect_same_bits_for_any_threads([&] { return all_passes(given); });
  if (dtype == Dtype::f64) return;
  given.x = cast(given.x, Dtype::bf16), given.dy = cast(given.dy, Dtype::bf16);
  expect_same_bits_for_any_threads([&] { return all_passes(given); });
}

TEST(Conv2d, Refuses) {
  const Tensor x = Tensor::zeros({1, 4, 4, 3});
  expect_error([&] { conv2d(x, Tensor::zeros({2, 3, 3, 4}), {1, 1}); }, "has 3 channels");
  expect_error([&] { conv2d(x, Tensor::zeros({2, 5, 5, 3}), {1, 0}); }, "larger than the image");
  expect_error([&] { conv2d(x, Tensor::zeros({2, 3, 3, 3}), {0, 1}); }, "stride 0");
  expect_error([&] { conv2d(x, Tensor::zeros({2, 3, 3}), {1, 1}); }, "expected x (N,H,W,C)");
  expect_error([&] { conv2d(x, Tensor::zeros({2, 3, 3, 3}, Dtype::f64), {1, 1}); }, "cast one of them");
  expect_error([&] { conv2d_dx(Tensor::zeros({2, 3, 3, 3}), Tensor::zeros({1, 3, 4, 2}), x.shape(), {1, 1}); }, "dy has shape");
  expect_error([&] { conv2d(Tensor::zeros({1, 4, 4, 3}, Dtype::bf16), Tensor::zeros({2, 3, 3, 3}), {1, 1}); }, "bf16 needs CUDA");
  expect_error([&] { conv2d(x, Tensor::zeros({2, 3, 3, 3}, Dtype::bf16), {1, 1}); }, "cast one of them");
}

CUDA_TEST(Conv2d, RefusesOnCuda) {
  const Tensor x = random_tensor({1, 4, 4, 3}, dtype, 1), w = random_tensor({2, 3, 3, 3}, dtype, 2);
  expect_error([&] { conv2d(x, on_cpu(w), {1, 1}); }, "move one of them");
  if (dtype == Dtype::f64) return;
  const Tensor rounded = cast(x, Dtype::bf16);
  expect_error([&] { conv2d(rounded, w, {1, 1}); }, "pad the channels to a multiple of 8");
  expect_error([&] { conv2d_dw(rounded, x, w.shape(), {1, 1}); }, "cast one of them");
}

}  // namespace
}  // namespace tensor::ops
