#include "tensor/ops/l2_normalize.h"

#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

TEST(L2Normalize, AgreesWithTheNaiveLoops) {
  for_each_path([](Dtype dtype) {
    const double tolerance = dtype == Dtype::f64 ? 1e-14 : 3e-7, eps = 1e-3;
    for (const Shape& shape : {Shape{1}, Shape{5}, Shape{3, 1}, Shape{7, 13}, Shape{2, 3, 31}, Shape{2, 1, 3, 64}, Shape{501, 130}}) {
      SCOPED_TRACE(shape.to_string());
      const Tensor x = random_tensor(shape, dtype, 1), dy = random_tensor(shape, dtype, 2);
      const L2NormalizeResult got = l2_normalize(x, eps), want = naive::l2_normalize(x, eps);
      expect_close(got.y, want.y, tolerance);
      expect_close(got.norm, want.norm, tolerance);
      expect_close(l2_normalize_grad(x, got.norm, dy, eps), naive::l2_normalize_grad(x, got.norm, dy, eps), 30 * tolerance);
    }
  });
}

TEST(L2Normalize, HandWorkedNumbersAndTheZeroRow) {
  for_each_path([](Dtype dtype) {
    const Tensor x = tensor_of({3, 4, 0, 0}, {2, 2}, dtype), dy = tensor_of({1, 2, 3, 4}, {2, 2}, dtype);
    const L2NormalizeResult result = l2_normalize(x, 0.5);
    EXPECT_EQ(result.norm.to_vector(), (std::vector<double>{5, 0}));
    expect_close(result.y, tensor_of({3 / 5.5, 4 / 5.5, 0, 0}, {2, 2}, dtype), 1e-7);
    EXPECT_EQ(l2_normalize_grad(x, result.norm, dy, 0.5).rows(1, 2).to_vector(), (std::vector<double>{6, 8}));
    EXPECT_EQ(naive::l2_normalize_grad(x, result.norm, dy, 0.5).rows(1, 2).to_vector(), (std::vector<double>{6, 8}));
  });
}

TEST(L2Normalize, GradientIsTheDifferenceQuotient) {
  const Tensor x = random_tensor({3, 5}, Dtype::f64, 1), dy = random_tensor({3, 5}, Dtype::f64, 2);
  expect_gradient(x, dy, l2_normalize_grad(x, l2_normalize(x, 0.1).norm, dy, 0.1),
                  [](const Tensor& at) { return l2_normalize(at, 0.1).y; });
}

TEST(L2Normalize, LargeNumbersDoNotOverflowNanStaysInItsRow) {
  for_each_path([](Dtype dtype) {
    // The squares exceed f32; the sum runs in double.
    EXPECT_NEAR(l2_normalize(Tensor::full({1, 4}, 1e30, dtype)).y.to_vector()[3], 0.5, 1e-6);
    const std::vector<double> y = l2_normalize(tensor_of({1, std::nan(""), 3, 4}, {2, 2}, dtype)).y.to_vector();
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
    EXPECT_NEAR(y[3], 0.8, 1e-6);
  });
}

TEST(L2Normalize, SameBitsEmptyAndErrors) {
  const Tensor x = random_tensor({3001, 37}, Dtype::f32, 1);
  expect_same_bits_for_any_threads([&] {
    const L2NormalizeResult result = l2_normalize(x);
    return std::vector<Tensor>{result.y, result.norm, l2_normalize_grad(x, result.norm, x)};
  });
  EXPECT_EQ(l2_normalize(Tensor({0, 4})).norm.numel(), 0);
  EXPECT_EQ(l2_normalize(Tensor({2, 0})).norm.to_vector(), (std::vector<double>{0, 0}));
  expect_error([&] { l2_normalize(x, 0); }, "eps 0 must be above 0");
  expect_error([&] { l2_normalize_grad(x, Tensor::zeros({3}), x); }, "norm has shape (3), expected (3001)");
}

}  // namespace
}  // namespace tensor::ops
