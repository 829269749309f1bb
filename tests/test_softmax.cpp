#include "tensor/ops/softmax.h"

#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();

TEST(Softmax, AgreesWithPlainLoops) {
  for_each_path([](Dtype dtype) {
    const double tolerance = dtype == Dtype::f64 ? 1e-13 : 2e-6;
    for (const Shape& shape :
         {Shape{1}, Shape{9}, Shape{1, 1}, Shape{7, 10}, Shape{3, 17}, Shape{2, 3, 31}, Shape{2, 2, 3, 33}, Shape{301, 129}}) {
      SCOPED_TRACE(shape.to_string());
      Tensor x = random_tensor(shape, dtype, 1);
      std::vector<double> values = x.to_vector();
      for (double& value : values) value *= 20;
      x = tensor_of(values, shape, dtype);
      values = x.to_vector();
      const size_t columns = static_cast<size_t>(shape[-1]), rows = values.size() / columns;
      Shape rest;
      for (int axis = 0; axis + 1 < shape.rank(); ++axis) rest.push_back(shape[axis]);
      std::vector<double> y(values.size()), log_y(values.size()), log_sums(rows);
      for (size_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (size_t c = 0; c < columns; ++c) sum += std::exp(values[r * columns + c]);
        log_sums[r] = std::log(sum);
        for (size_t c = 0; c < columns; ++c) {
          y[r * columns + c] = std::exp(values[r * columns + c]) / sum;
          log_y[r * columns + c] = values[r * columns + c] - std::log(sum);
        }
      }
      expect_close(softmax(x), tensor_of(y, shape, dtype), tolerance);
      expect_close(log_softmax(x), tensor_of(log_y, shape, dtype), tolerance);
      expect_close(logsumexp(x), tensor_of(log_sums, rest, dtype), tolerance);
    }
  });
}

TEST(Softmax, HandWorkedNumbers) {
  for_each_path([](Dtype dtype) {
    const double tolerance = dtype == Dtype::f64 ? 1e-15 : 2e-7;
    const Tensor x = tensor_of({0, std::log(3.0), 1000, 1000, -1000, -1000}, {3, 2}, dtype);
    expect_close(softmax(x), tensor_of({0.25, 0.75, 0.5, 0.5, 0.5, 0.5}, {3, 2}, dtype), tolerance);
    const double half = std::log(0.5);
    expect_close(log_softmax(x), tensor_of({std::log(0.25), std::log(0.75), half, half, half, half}, {3, 2}, dtype), tolerance);
    expect_close(logsumexp(x), tensor_of({std::log(4.0), 1000 - half, -1000 - half}, {3}, dtype), tolerance);
  });
}

TEST(Softmax, InfinitiesAndNan) {
  for_each_path([](Dtype dtype) {
    const Tensor masked = tensor_of({0, -infinity, 0}, {1, 3}, dtype);
    EXPECT_EQ(softmax(masked).to_vector(), (std::vector<double>{0.5, 0, 0.5}));
    EXPECT_EQ(log_softmax(masked).to_vector()[1], -infinity);
    EXPECT_EQ(logsumexp(tensor_of({-infinity, -infinity}, {2}, dtype)).item(), -infinity);
    EXPECT_EQ(logsumexp(tensor_of({0, infinity}, {2}, dtype)).item(), infinity);
    std::vector<double> values(2 * 19, 1);
    values[4] = nan;
    const std::vector<double> y = softmax(tensor_of(values, {2, 19}, dtype)).to_vector();
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i < 19);
    EXPECT_TRUE(std::isnan(logsumexp(tensor_of(values, {2, 19}, dtype)).to_vector()[0]));
  });
}

TEST(Softmax, GradientIsTheDifferenceQuotient) {
  const Tensor x = random_tensor({3, 5}, Dtype::f64, 1), dy = random_tensor({3, 5}, Dtype::f64, 2);
  expect_gradient(x, dy, softmax_grad(softmax(x), dy), [](const Tensor& at) { return softmax(at); });
  expect_gradient(x, dy, log_softmax_grad(log_softmax(x), dy), [](const Tensor& at) { return log_softmax(at); });
}

TEST(Softmax, GradientsAgreeInBothTypes) {
  for_each_path([](Dtype dtype) {
    const Tensor y = softmax(random_tensor({7, 37}, dtype, 1)), log_y = log_softmax(random_tensor({7, 37}, dtype, 1));
    const Tensor dy = random_tensor({7, 37}, dtype, 2);
    const auto p = y.to_vector(), log_p = log_y.to_vector(), g = dy.to_vector();
    std::vector<double> dx(p.size()), dx_log(p.size());
    for (size_t r = 0; r < 7; ++r) {
      double dot = 0, sum = 0;
      for (size_t i = r * 37; i < (r + 1) * 37; ++i) {
        dot += p[i] * g[i];
        sum += g[i];
      }
      for (size_t i = r * 37; i < (r + 1) * 37; ++i) {
        dx[i] = p[i] * (g[i] - dot);
        dx_log[i] = g[i] - std::exp(log_p[i]) * sum;
      }
    }
    expect_close(softmax_grad(y, dy), tensor_of(dx, {7, 37}, dtype), 1e-6);
    expect_close(log_softmax_grad(log_y, dy), tensor_of(dx_log, {7, 37}, dtype), 1e-6);
  });
}

TEST(Softmax, SameBitsForAnyNumberOfThreads) {
  const Tensor x = random_tensor({3001, 37}, Dtype::f32, 1);
  expect_same_bits_for_any_threads([&] { return std::vector<Tensor>{softmax(x), log_softmax(x), logsumexp(x), softmax_grad(x, x)}; });
}

TEST(Softmax, EmptyAndErrors) {
  EXPECT_EQ(softmax(Tensor({0, 3})).numel(), 0);
  EXPECT_EQ(logsumexp(Tensor({0, 3})).numel(), 0);
  expect_error([] { softmax(Tensor({3, 0})); }, "no columns");
  expect_error([] { softmax_grad(Tensor::zeros({3, 2}), Tensor::zeros({2, 3})); }, "they must be equal");
}

TEST(Softmax, AgreesWithTheOracle) {
  for_each_path([](Dtype dtype) {
    const Tensor x = random_tensor({5, 37}, dtype, 3);
    const double tolerance = dtype == Dtype::f64 ? 1e-14 : 1e-6;
    expect_close(softmax(x), naive::softmax(x), tolerance);
    expect_close(log_softmax(x), naive::log_softmax(x), tolerance);
    expect_close(logsumexp(x), naive::logsumexp(x), tolerance);
  });
}

}  // namespace
}  // namespace tensor::ops
