#include "tensor/ops/broadcast.h"

#include "autograd/cases/broadcast.h"
#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

KERNEL_TEST(Broadcast, EveryRankAndOddSizes) {
  for (const Shape& shape : autograd::cases::broadcast_cases) {
    SCOPED_TRACE(shape.to_string());
    const Tensor x = random_tensor(shape, dtype, 1), row = random_tensor({shape[-1]}, dtype, 2),
                 column = random_tensor(without_last_axis(shape), dtype, 3);
    // One operation on two numbers of the dtype: rounding the double result gives the same bits.
    expect_close(add_bias(x, row), naive::add_bias(x, row), 0);
    expect_close(multiply_row(x, row), naive::multiply_row(x, row), 0);
    expect_close(add_column(x, column), naive::add_column(x, column), 0);
    expect_close(multiply_column(x, column), naive::multiply_column(x, column), 0);
  }
}

KERNEL_TEST(Broadcast, SameBitsForAnyNumberOfThreads) {
  const Tensor x = random_tensor({4001, 33}, dtype, 1), row = random_tensor({33}, dtype, 2), column = random_tensor({4001}, dtype, 3);
  expect_same_bits_for_any_threads([&] { return std::vector<Tensor>{add_bias(x, row), multiply_row(x, row), add_column(x, column)}; });
}

TEST(Broadcast, Errors) {
  const Tensor x = Tensor::zeros({2, 3, 4});
  expect_error([&] { add_bias(x, Tensor::zeros({3})); }, "add_bias: bias is f32 (3) on cpu; expected the shape (4)");
  expect_error([&] { add_column(x, Tensor::zeros({6})); }, "add_column: column is f32 (6) on cpu; expected the shape (2, 3)");
  expect_error([&] { multiply_row(x, Tensor::zeros({4}, Dtype::f64)); }, "row is f64");
  expect_error([&] { add_bias(Tensor::zeros({}), Tensor::zeros({1})); }, "scalar");
}

KERNEL_TEST(Broadcast, HandWorkedNumbers) {
  const Tensor x = tensor_of({1, 2, 3, 4, 5, 6}, {2, 3}, dtype), row = tensor_of({10, 20, 30}, {3}, dtype),
               column = tensor_of({-1, 2}, {2}, dtype);
  EXPECT_EQ(add_bias(x, row).to_vector(), (std::vector<double>{11, 22, 33, 14, 25, 36}));
  EXPECT_EQ(multiply_row(x, row).to_vector(), (std::vector<double>{10, 40, 90, 40, 100, 180}));
  EXPECT_EQ(add_column(x, column).to_vector(), (std::vector<double>{0, 1, 2, 6, 7, 8}));
  EXPECT_EQ(multiply_column(x, column).to_vector(), (std::vector<double>{-1, -2, -3, 8, 10, 12}));
}

}  // namespace
}  // namespace tensor::ops
