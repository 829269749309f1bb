#include "tensor/ops/broadcast.h"

#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

TEST(Broadcast, EveryRankAndOddSizes) {
  for_each_path([](Dtype dtype) {
    for (const Shape& shape : {Shape{1}, Shape{7}, Shape{1, 1}, Shape{3, 5}, Shape{13, 1}, Shape{0, 4}, Shape{4, 0}, Shape{2, 3, 17},
                               Shape{2, 3, 5, 33}, Shape{1001, 67}}) {
      SCOPED_TRACE(shape.to_string());
      const int64_t columns = shape[-1], rows = columns ? shape.numel() / columns : shape[0];
      Shape column_shape;
      for (int axis = 0; axis + 1 < shape.rank(); ++axis) column_shape.push_back(shape[axis]);
      const Tensor x = random_tensor(shape, dtype, 1), row = random_tensor({columns}, dtype, 2),
                   column = random_tensor(column_shape, dtype, 3);
      const auto a = x.to_vector(), b = row.to_vector(), c = column.to_vector();
      std::vector<double> plus_row(a.size()), times_row(a.size()), plus_column(a.size()), times_column(a.size());
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < columns; ++i) {
          const size_t at = static_cast<size_t>(r * columns + i);
          plus_row[at] = a[at] + b[static_cast<size_t>(i)];
          times_row[at] = a[at] * b[static_cast<size_t>(i)];
          plus_column[at] = a[at] + c[static_cast<size_t>(r)];
          times_column[at] = a[at] * c[static_cast<size_t>(r)];
        }
      // One operation on two numbers of the dtype: rounding the double result gives the same bits.
      expect_close(add_row(x, row), tensor_of(plus_row, shape, dtype), 0);
      expect_close(multiply_row(x, row), tensor_of(times_row, shape, dtype), 0);
      expect_close(add_column(x, column), tensor_of(plus_column, shape, dtype), 0);
      expect_close(multiply_column(x, column), tensor_of(times_column, shape, dtype), 0);
    }
  });
}

TEST(Broadcast, SameBitsForAnyNumberOfThreads) {
  const Tensor x = random_tensor({4001, 33}, Dtype::f32, 1), row = random_tensor({33}, Dtype::f32, 2);
  expect_same_bits_for_any_threads([&] { return std::vector<Tensor>{add_row(x, row), multiply_row(x, row)}; });
}

TEST(Broadcast, Errors) {
  const Tensor x = Tensor::zeros({2, 3, 4});
  expect_error([&] { add_row(x, Tensor::zeros({3})); }, "row has shape (3); for x (2, 3, 4) it must be (4)");
  expect_error([&] { add_column(x, Tensor::zeros({6})); }, "column has shape (6); for x (2, 3, 4) it must be (2, 3)");
  expect_error([&] { multiply_row(x, Tensor::zeros({4}, Dtype::f64)); }, "row is f64");
  expect_error([&] { add_row(Tensor::zeros({}), Tensor::zeros({1})); }, "scalar");
}

TEST(Broadcast, AgreesWithTheOracle) {
  for_each_path([](Dtype dtype) {
    const Tensor x = random_tensor({2, 7, 19}, dtype, 3), row = random_tensor({19}, dtype, 4), column = random_tensor({2, 7}, dtype, 5);
    const double tolerance = dtype == Dtype::f64 ? 1e-15 : 1e-7;
    expect_close(add_row(x, row), naive::add_row(x, row), tolerance);
    expect_close(multiply_row(x, row), naive::multiply_row(x, row), tolerance);
    expect_close(add_column(x, column), naive::add_column(x, column), tolerance);
    expect_close(multiply_column(x, column), naive::multiply_column(x, column), tolerance);
  });
}

}  // namespace
}  // namespace tensor::ops
