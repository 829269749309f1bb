#include "tensor/ops/softmax.h"

#include "autograd/cases/softmax.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();

KERNEL_TEST(Softmax, AgreesWithTheNaiveLoops) {
  const double tolerance = dtype == Dtype::f64 ? 1e-13 : 2e-6;
  for (const auto& [shape, spread] : autograd::cases::softmax_cases) {
    SCOPED_TRACE(shape.to_string());
    std::vector<double> values = random_tensor(shape, dtype, 1).to_vector();
    for (double& value : values) value *= spread;
    const Tensor x = tensor_of(values, shape, dtype), dy = random_tensor(shape, dtype, 2);
    const Tensor y = naive::softmax(x), log_y = naive::log_softmax(x);
    expect_close(softmax(x), y, tolerance);
    expect_close(log_softmax(x), log_y, tolerance);
    expect_close(softmax_grad(on_device_under_test(y), dy), naive::softmax_grad(y, dy), tolerance);
    expect_close(log_softmax_grad(on_device_under_test(log_y), dy), naive::log_softmax_grad(log_y, dy), tolerance);
  }
}

KERNEL_TEST(Softmax, HandWorkedNumbers) {
  const double tolerance = dtype == Dtype::f64 ? 1e-15 : 2e-7;
  const Tensor x = tensor_of({0, std::log(3.0), 1000, 1000, -1000, -1000}, {3, 2}, dtype);
  expect_close(softmax(x), tensor_of({0.25, 0.75, 0.5, 0.5, 0.5, 0.5}, {3, 2}, dtype), tolerance);
  const double half = std::log(0.5);
  expect_close(log_softmax(x), tensor_of({std::log(0.25), std::log(0.75), half, half, half, half}, {3, 2}, dtype), tolerance);
}

KERNEL_TEST(Softmax, InfinitiesAndNan) {
  const Tensor masked = tensor_of({0, -infinity, 0}, {1, 3}, dtype);
  EXPECT_EQ(softmax(masked).to_vector(), (std::vector<double>{0.5, 0, 0.5}));
  EXPECT_EQ(log_softmax(masked).to_vector()[1], -infinity);
  std::vector<double> values(2 * 19, 1);
  values[4] = nan;
  const std::vector<double> y = softmax(tensor_of(values, {2, 19}, dtype)).to_vector();
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i < 19);
}

KERNEL_TEST(Softmax, GradientIsTheDifferenceQuotient) {
  if (dtype == Dtype::f32) return;
  const Tensor x = random_tensor({3, 5}, dtype, 1), dy = random_tensor({3, 5}, dtype, 2);
  expect_gradient(x, dy, softmax_grad(softmax(x), dy), [](const Tensor& at) { return softmax(at); });
  expect_gradient(x, dy, log_softmax_grad(log_softmax(x), dy), [](const Tensor& at) { return log_softmax(at); });
}

KERNEL_TEST(Softmax, SameBitsForAnyNumberOfThreads) {
  const Tensor x = random_tensor({1001, 37}, dtype, 1);
  expect_same_bits_for_any_threads([&] { return std::vector<Tensor>{softmax(x), log_softmax(x), softmax_grad(x, x)}; });
}

KERNEL_TEST(Softmax, Empty) {
  const Tensor empty = full({0, 3}, 0, dtype);
  EXPECT_EQ(softmax(empty).numel(), 0);
  EXPECT_EQ(log_softmax(empty).numel(), 0);
  EXPECT_EQ(softmax_grad(empty, empty).numel(), 0);
  EXPECT_EQ(log_softmax_grad(empty, empty).numel(), 0);
}

TEST(Softmax, Errors) {
  expect_error([] { softmax(Tensor({3, 0})); }, "no columns");
  expect_error(
      [] {
        softmax_grad(Tensor::zeros({3, 2}), Tensor::zeros({2, 3}));
      },
      "softmax_grad: y is f32 (3, 2) on cpu, dy is f32 (2, 3) on cpu; the shapes must be equal");
}

}  // namespace
}  // namespace tensor::ops
