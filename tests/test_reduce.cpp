#include "tensor/ops/reduce.h"

#include "autograd/cases/reduce.h"
#include "tensor/ops/staircase.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();

KERNEL_TEST(Reduce, AgreesWithTheNaiveLoops) {
  const double tolerance = dtype == Dtype::f64 ? 1e-13 : 1e-6;
  for (const Shape& shape : autograd::cases::reduce_shapes) {
    SCOPED_TRACE(shape.to_string());
    const Tensor x = random_tensor(shape, dtype, 1);
    expect_close(sum(x), naive::sum(x), tolerance);
    expect_close(mean(x), naive::mean(x), tolerance);
    expect_close(sum(x, 0), naive::sum(x, 0), tolerance);
    expect_close(sum(x, -1), naive::sum(x, -1), tolerance);
    expect_same_bits(argmax(x), naive::argmax(x));
  }
}

CUDA_TEST(Reduce, EveryStepAgreesWithTheNaiveLoops) {
  const double tolerance = dtype == Dtype::f64 ? 1e-13 : 1e-6;
  for (const Shape& shape : autograd::cases::reduce_shapes) {
    SCOPED_TRACE(shape.to_string());
    const Tensor x = random_tensor(shape, dtype, 2);
    const Tensor columns = naive::sum(x, -1);
    expect_close(cuda::steps::sum_last_thread_per_row(x), columns, tolerance);
    // A block or a warp for each of 70001 rows of one element is what the next step is for.
    if (shape[0] < 5000) expect_close(cuda::steps::sum_last_shared_tree(x), columns, tolerance);
    if (shape[0] < 5000) expect_close(cuda::steps::sum_last_warp_per_row(x), columns, tolerance);
    expect_close(cuda::steps::sum_first_thread_per_column(x), naive::sum(x, 0), tolerance);
    expect_close(cuda::steps::sum_one_block(x), naive::sum(x), tolerance);
  }
}

CUDA_TEST(Reduce, CpuAndCudaAgree) {
  expect_close_on_cpu_and_cuda(
      [&] {
        const Tensor x = random_tensor({1031, 37}, dtype, 4);
        return std::vector<Tensor>{sum(x), mean(x), sum(x, 0), sum(x, -1), argmax(x)};
      },
      dtype == Dtype::f64 ? 1e-13 : 1e-6);
}

KERNEL_TEST(Reduce, HandWorkedNumbers) {
  const Tensor x = tensor_of({1, 5, 5, -2, -4, -3}, {2, 3}, dtype);
  EXPECT_EQ(sum(x).item(), 2);
  EXPECT_NEAR(mean(x).item(), 1.0 / 3, 1e-7);
  EXPECT_EQ(sum(x, 0).to_vector(), (std::vector<double>{-1, 1, 2}));
  EXPECT_EQ(sum(x, -1).to_vector(), (std::vector<double>{11, -9}));
  EXPECT_EQ(argmax(x).to_vector(), (std::vector<double>{1, 0}));
}

KERNEL_TEST(Reduce, AMillionSmallNumbersDoNotVanish) {
  // A running f32 sum would stop at 2^24 ones.
  const int64_t n = (1 << 24) + 1000;
  if (dtype == Dtype::f64) return;
  const Tensor ones = full({n}, 1, dtype);
  EXPECT_EQ(sum(ones).item(), static_cast<double>(static_cast<float>(n)));
  EXPECT_EQ(sum(ones, -1).item(), static_cast<double>(static_cast<float>(n)));
  EXPECT_EQ(sum(ones.reshape(Shape{n / 8, 8}), 0).to_vector(), std::vector<double>(8, static_cast<double>(n / 8)));
}

KERNEL_TEST(Reduce, NanWinsTiesGoToTheFirst) {
  for (const int64_t columns : {1, 5, 16, 37})
    for (int64_t at = 0; at < columns; ++at) {
      std::vector<double> values(static_cast<size_t>(columns), 1);
      EXPECT_EQ(argmax(tensor_of(values, {columns}, dtype)).item(), 0);
      values[at] = nan;
      values[0] = at == 0 ? nan : infinity;
      const Tensor x = tensor_of(values, {columns}, dtype);
      EXPECT_EQ(argmax(x).item(), static_cast<double>(at));
      EXPECT_EQ(naive::argmax(x).item(), static_cast<double>(at));
      EXPECT_TRUE(std::isnan(sum(x).item()));
      EXPECT_TRUE(std::isnan(sum(x.reshape(Shape{1, columns}), 0).to_vector()[at]));
    }
  EXPECT_EQ(argmax(full({2, 9}, -infinity, dtype)).to_vector(), (std::vector<double>{0, 0}));
}

KERNEL_TEST(Reduce, Empty) {
  const auto empty = [&](Shape shape) { return full(shape, 0, dtype); };
  EXPECT_EQ(sum(empty({0, 3})).item(), 0);
  EXPECT_EQ(sum(empty({0, 3}), 0).to_vector(), (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(sum(empty({0, 1}), 0).to_vector(), (std::vector<double>{0}));
  EXPECT_EQ(sum(empty({2, 0}), 0).numel(), 0);
  EXPECT_EQ(sum(empty({2, 0}), -1).to_vector(), (std::vector<double>{0, 0}));
  EXPECT_EQ(sum(empty({0, 2}), -1).numel(), 0);
  EXPECT_EQ(argmax(empty({0, 2})).numel(), 0);
  EXPECT_EQ(sum(full({3}, 2, dtype), -1).shape(), Shape{});
}

TEST(Reduce, Errors) {
  expect_error([] { mean(Tensor({0})); }, "mean of no elements");
  expect_error([] { argmax(Tensor({2, 0})); }, "no columns");
  expect_error([] { sum(Tensor::zeros({}), 0); }, "sum: expected");
  expect_error([] { sum(Tensor({2, 3, 4}), 1); }, "sum: axis 1 of x (2, 3, 4); use 0 or -1, or reshape x");
  expect_error([] { sum(Tensor({2}, Dtype::i64)); }, "sum: x is i64 (2) on cpu; expected f32 or f64");
}

KERNEL_TEST(Reduce, SameBitsForAnyNumberOfThreads) {
  const int64_t rows = device_under_test().is_cpu() ? 20011 : 2011;  // more than a block of the one, or the other
  const Tensor x = random_tensor({rows, 13}, dtype, 3);
  expect_same_bits_for_any_threads([&] { return std::vector<Tensor>{sum(x), sum(x, 0), sum(x, -1)}; });
}

}  // namespace
}  // namespace tensor::ops
