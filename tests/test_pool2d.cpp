#include "tensor/ops/pool2d.h"

#include "autograd/cases/pool2d.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

using Case = autograd::cases::Pool2dCase;
using autograd::cases::pool2d_cases;

KERNEL_TEST(Pool2d, AgreesWithTheNaiveLoops) {
  for (const Case& test : pool2d_cases) {
    SCOPED_TRACE(test.name());
    const Tensor x = random_tensor(test.x_shape(), dtype, 1);
    const MaxPoolResult got = max_pool2d(x, test.params()), want = naive::max_pool2d(on_cpu(x), test.params());
    expect_same_bits(got.y, want.y);
    expect_same_bits(got.argmax, want.argmax);
    const double tolerance = dtype == Dtype::f64 ? 1e-15 : 3e-7;
    const Tensor dy = random_tensor(want.y.shape(), dtype, 2);
    expect_close(max_pool2d_grad(got.argmax, dy, x.shape(), test.params()),
                 naive::max_pool2d_grad(want.argmax, dy, x.shape(), test.params()), tolerance);
  }
}

KERNEL_TEST(Pool2d, HandWorkedNumbers) {
  const Tensor x = tensor_of({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 3, 3, 1}, dtype);
  const MaxPoolResult max = max_pool2d(x, {2, 1, 0});
  EXPECT_EQ(max.y.to_vector(), (std::vector<double>{5, 6, 8, 9}));
  EXPECT_EQ(max.argmax.to_vector(), (std::vector<double>{4, 5, 7, 8}));
  EXPECT_EQ(max_pool2d_grad(max.argmax, tensor_of({1, 2, 3, 4}, {1, 2, 2, 1}, dtype), x.shape(), {2, 1, 0}).to_vector(),
            (std::vector<double>{0, 0, 0, 0, 1, 2, 0, 3, 4}));
}

KERNEL_TEST(Pool2d, NanWinsTheFirstOfEqualsIsTaken) {
  std::vector<double> values(16 * 9, 1);
  values[4 * 9 + 2] = std::nan("");  // pixel 4, channel 2
  const MaxPoolResult result = max_pool2d(tensor_of(values, {1, 4, 4, 9}, dtype), {2, 2, 0});
  const auto y = result.y.to_vector(), at = result.argmax.to_vector();
  for (size_t i = 0; i < y.size(); ++i) {
    EXPECT_EQ(std::isnan(y[i]), i == 2);
    EXPECT_EQ(at[i], i == 2 ? 4 : std::vector<double>({0, 2, 8, 10})[i / 9]);
  }
  const double lowest = -std::numeric_limits<double>::infinity();
  const MaxPoolResult low = max_pool2d(full({1, 2, 2, 1}, lowest, dtype), {2, 2, 1});
  EXPECT_EQ(low.argmax.to_vector(), (std::vector<double>{0, 1, 2, 3}));
}

KERNEL_TEST(Pool2d, GradientIsTheDifferenceQuotient) {
  if (dtype == Dtype::f32) return;
  for (const Case& test : pool2d_cases) {
    if (test.n > 2 || test.h > 8) continue;
    SCOPED_TRACE(test.name());
    const Tensor x = random_tensor(test.x_shape(), dtype, 1);
    const MaxPoolResult y = max_pool2d(x, test.params());
    const Tensor dy = random_tensor(y.y.shape(), dtype, 2);
    expect_gradient(x, dy, max_pool2d_grad(y.argmax, dy, x.shape(), test.params()),
                    [&](const Tensor& at) { return max_pool2d(at, test.params()).y; });
  }
}

KERNEL_TEST(Pool2d, SameBitsForAnyNumberOfThreads) {
  const Tensor x = random_tensor({3, 33, 31, 24}, dtype, 1);
  const Pool2dParams params{3, 2, 1};
  expect_same_bits_for_any_threads([&] {
    const MaxPoolResult y = max_pool2d(x, params);
    return std::vector<Tensor>{y.y, y.argmax, max_pool2d_grad(y.argmax, y.y, x.shape(), params)};
  });
}

TEST(Pool2d, Errors) {
  const Tensor x = Tensor::zeros({1, 4, 4, 2});
  expect_error([&] { max_pool2d(x, {5, 1, 0}); }, "larger than the image");
  expect_error([&] { max_pool2d(x, {2, 1, 2}); }, "padding 0 to half the kernel");
  expect_error([&] { max_pool2d(x, {2, 0, 0}); }, "stride 0");
  expect_error([&] { max_pool2d(Tensor::zeros({4, 4, 2}), {}); }, "expected x (N,H,W,C)");
  expect_error(
      [&] {
        max_pool2d_grad(Tensor::zeros({1, 3, 3, 2}, Dtype::i32), Tensor::zeros({1, 3, 3, 2}), x.shape(), {2, 2, 0});
      },
      "dy is f32 (1, 3, 3, 2) on cpu; expected the shape (1, 2, 2, 2)");
}

}  // namespace
}  // namespace tensor::ops
