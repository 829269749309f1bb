#include "tensor/ops/l2_normalize.h"

#include "autograd/cases/l2_normalize.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

KERNEL_TEST(L2Normalize, AgreesWithTheNaiveLoops) {
  const double tolerance = dtype == Dtype::f64 ? 1e-14 : 3e-7;
  for (const auto& [shape, eps] : autograd::cases::l2_normalize_cases) {
    SCOPED_TRACE(shape.to_string());
    const Tensor x = random_tensor(shape, dtype, 1), dy = random_tensor(shape, dtype, 2);
    const L2NormalizeResult got = l2_normalize(x, eps), want = naive::l2_normalize(x, eps);
    expect_close(got.y, want.y, tolerance);
    expect_close(got.norm, want.norm, tolerance);
    expect_close(l2_normalize_grad(x, got.norm, dy, eps), naive::l2_normalize_grad(x, got.norm, dy, eps), 30 * tolerance);
  }
}

KERNEL_TEST(L2Normalize, HandWorkedNumbersAndTheZeroRow) {
  const Tensor x = tensor_of({3, 4, 0, 0}, {2, 2}, dtype), dy = tensor_of({1, 2, 3, 4}, {2, 2}, dtype);
  const L2NormalizeResult result = l2_normalize(x, 0.5);
  EXPECT_EQ(result.norm.to_vector(), (std::vector<double>{5, 0}));
  expect_close(result.y, tensor_of({3 / 5.5, 4 / 5.5, 0, 0}, {2, 2}, dtype), 1e-7);
  EXPECT_EQ(l2_normalize_grad(x, result.norm, dy, 0.5).rows(1, 2).to_vector(), (std::vector<double>{6, 8}));
  EXPECT_EQ(naive::l2_normalize_grad(x, result.norm, dy, 0.5).rows(1, 2).to_vector(), (std::vector<double>{6, 8}));
}

KERNEL_TEST(L2Normalize, GradientIsTheDifferenceQuotient) {
  if (dtype == Dtype::f32) return;
  const Tensor x = random_tensor({3, 5}, dtype, 1), dy = random_tensor({3, 5}, dtype, 2);
  expect_gradient(x, dy, l2_normalize_grad(x, l2_normalize(x, 0.1).norm, dy, 0.1),
                  [](const Tensor& at) { return l2_normalize(at, 0.1).y; });
}

KERNEL_TEST(L2Normalize, LargeNumbersDoNotOverflowNanStaysInItsRow) {
  // The squares exceed f32; the sum runs in double.
  EXPECT_NEAR(l2_normalize(full({1, 4}, 1e30, dtype)).y.to_vector()[3], 0.5, 1e-6);
  const std::vector<double> y = l2_normalize(tensor_of({1, std::nan(""), 3, 4}, {2, 2}, dtype)).y.to_vector();
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
  EXPECT_NEAR(y[3], 0.8, 1e-6);
}

KERNEL_TEST(L2Normalize, SameBitsEmptyAndErrors) {
  const Tensor x = random_tensor({1001, 37}, dtype, 1);
  expect_same_bits_for_any_threads([&] {
    const L2NormalizeResult result = l2_normalize(x);
    return std::vector<Tensor>{result.y, result.norm, l2_normalize_grad(x, result.norm, x)};
  });
  EXPECT_EQ(l2_normalize(full({0, 4}, 0, dtype)).norm.numel(), 0);
  EXPECT_EQ(l2_normalize(full({2, 0}, 0, dtype)).norm.to_vector(), (std::vector<double>{0, 0}));
  expect_error([&] { l2_normalize(x, 0); }, "l2_normalize: eps 0; expected above 0");
  expect_error([&] { l2_normalize_grad(x, Tensor::zeros({3}), x); }, "norm is f32 (3) on cpu; expected the shape (1001)");
}

}  // namespace
}  // namespace tensor::ops
